"""The door for gateways: `/verify`. Start reading at `verify.py`; `python -m keyadmin.gateway` serves it."""
