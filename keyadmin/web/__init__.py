"""Pages: server-rendered HTML, with htmx for dialogs, search and paging. One subpackage per subject.

`common` contains what pages share. Views take the current user from the request, read with QuerySets that are limited
to what the user may see, and change data through operations only.
"""
