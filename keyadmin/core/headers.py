"""What a header's value can be."""

import re

unsendable = re.compile("[\x00-\x1f\x7f\ud800-\udfff]").search
"""What is in no header that a call could have; nor can a database be asked about some of it."""
