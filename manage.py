#!/usr/bin/env python
"""Django's command line in a checkout: the same as `keyadmin manage`."""

import sys

from keyadmin.server.command_line import manage

if __name__ == "__main__":
    sys.exit(manage(sys.argv))
