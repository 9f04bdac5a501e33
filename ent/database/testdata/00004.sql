INSERT INTO recording_accesses (id, created_at, updated_at, email, recording_id, user_id)
VALUES ('77777777-7777-4777-8777-777777777777', '2026-01-01 00:00:00+00:00', '2026-01-01 00:00:00+00:00', 'ada@example.org', '66666666-6666-4666-8666-666666666666', '11111111-1111-4111-8111-111111111111');
