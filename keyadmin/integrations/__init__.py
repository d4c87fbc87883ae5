"""Ways into the call path for other programs: Django projects and gateways."""
