from django.urls import path

from benchmarks.apps.views import chats

urlpatterns = [path("api/chats", chats)]
