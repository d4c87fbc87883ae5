-- The inverted index of the search terms. fastupdate is off, because every look-up would read the whole list of pending
-- entries.
CREATE INDEX event_search_terms ON event USING gin (
    event_terms(
        number, type, actor_id, actor_label, organisation_id, organisation_label,
        target_id, target_label, ip, request_id, changes, reason
    )
) WITH (fastupdate = off);

-- event_find needs no statistics of this expression, and for them ANALYZE would compute the terms of 30,000 events.
ALTER INDEX event_search_terms ALTER COLUMN 1 SET STATISTICS 0;
