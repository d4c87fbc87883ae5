"""The review report: keys that an auditor would ask about."""
