"""Background jobs in tests: processed in this process, where a test can look at what they did."""

from keyadmin.server.worker import process_next_job


def run_due_jobs() -> int:
    """Process every job that is due. Returns their number."""
    count = 0
    while process_next_job():
        count += 1
    return count
