INSERT INTO users (id, created_at, updated_at, subject, email, full_name)
VALUES ('11111111-1111-4111-8111-111111111111', '2026-01-01 00:00:00+00:00', '2026-01-01 00:00:00+00:00', 'ada', 'ada@example.org', 'Ada');
INSERT INTO rooms (id, created_at, updated_at, slug, name, access_level)
VALUES ('22222222-2222-4222-8222-222222222222', '2026-01-01 00:00:00+00:00', '2026-01-01 00:00:00+00:00', 'abc-defg-hij', 'Weekly', 'RESTRICTED');
INSERT INTO room_accesses (id, created_at, updated_at, role, room_id, user_id)
VALUES ('33333333-3333-4333-8333-333333333333', '2026-01-01 00:00:00+00:00', '2026-01-01 00:00:00+00:00', 'OWNER', '22222222-2222-4222-8222-222222222222', '11111111-1111-4111-8111-111111111111');
INSERT INTO room_bans (id, created_at, updated_at, person_id, is_authenticated, display_name, scope, room_id)
VALUES ('44444444-4444-4444-8444-444444444444', '2026-01-01 00:00:00+00:00', '2026-01-01 00:00:00+00:00', '55555555-5555-4555-8555-555555555555', false, 'Mallory', 'FOREVER', '22222222-2222-4222-8222-222222222222');
