-- Messages that can never be stored, by reason, and when the last came.
SELECT reason, messages, UNIX_TIMESTAMP(last_at) * 1000 AS last
FROM dead_letter_count
ORDER BY last_at DESC
