import os

from django.urls import path

from benchmarks.peers.views import VIEWS

urlpatterns = [path("api/chats", VIEWS[os.environ["PEER"]])]
