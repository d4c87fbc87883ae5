"""The integrations with which other programs use the call path: for Django projects and for gateways."""
