"""`/verify`: gateways send each call here before they pass it on. `keyadmin.server.verify_server` serves it."""
