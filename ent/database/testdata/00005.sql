INSERT INTO users (id, created_at, updated_at, email, default_publish_sources)
VALUES ('cccccccc-cccc-4ccc-8ccc-cccccccccccc', '2026-01-01 00:00:00+00:00', '2026-01-01 00:00:00+00:00', 'cy@example.org', '["camera", "microphone"]');
