"""How fast pages are when there is much to show: an installation of a size, and every page asked for from outside."""
