-- Questions to a database that load_into_sqlite.py made of report.csv, verified.csv and unverified.csv:
--     sqlite3 -box photos.db < questions.sql

-- How much of what is there?
SELECT status, count(*) AS files, sum(size_bytes) AS bytes FROM report GROUP BY status;

-- Photos by year, and what their dates rest on.
SELECT substr(capture_date, 1, 4) AS year, date_source, count(*) AS files
FROM report WHERE capture_date <> '' GROUP BY year, date_source ORDER BY year, files DESC;

-- What wants a person.
SELECT row_id, status, review, reason, source_path FROM report
WHERE review <> '' OR status = 'failed' ORDER BY row_id;

-- Which content lies in the source more than once, and how much room that takes.
SELECT sha256, count(*) AS copies, (count(*) - 1) * max(size_bytes) AS bytes_to_gain
FROM report WHERE sha256 <> '' GROUP BY sha256 HAVING copies > 1 ORDER BY bytes_to_gain DESC LIMIT 20;

-- Is every row of the report verified, or in unverified with a reason? (No row: yes.)
SELECT row_id, source_path FROM report
WHERE (run_id, row_id) NOT IN (SELECT run_id, row_id FROM verified UNION ALL SELECT run_id, row_id FROM unverified);
