package e2e

import (
	"context"
	"fmt"
	"testing"

	"github.com/jackc/pgx/v5"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"foyer/test/env"
)

// The content of the database: each room has ten people, and one person has fifty rooms.
const (
	manyRooms    = 100_000
	manyAccesses = 1_000_000
	ofOnePerson  = 50
)

// fillDatabase writes the rows in a few statements, without foreign key checks.
const fillDatabase = `
SET session_replication_role = replica;
INSERT INTO users (id, created_at, updated_at, subject, email, full_name, email_verified)
	SELECT gen_random_uuid(), now(), now(), 'subject-' || n, 'person' || n || '@example.com', 'Person ' || n, true
	FROM generate_series(1, 100000) n;
CREATE TEMPORARY TABLE people AS SELECT id, row_number() OVER () n FROM users WHERE subject LIKE 'subject-%';
INSERT INTO rooms (id, created_at, updated_at, slug, name, access_level)
	SELECT gen_random_uuid(), now() - n * interval '1 second', now(), 'room-' || n, 'Room ' || n, 'PUBLIC'
	FROM generate_series(1, 100000) n;
CREATE TEMPORARY TABLE places AS SELECT id, row_number() OVER () n FROM rooms WHERE slug LIKE 'room-%';
CREATE INDEX ON people (n);
INSERT INTO room_accesses (id, created_at, updated_at, role, room_id, user_id)
	SELECT gen_random_uuid(), now(), now(), CASE k WHEN 0 THEN 'OWNER' ELSE 'MEMBER' END, places.id, people.id
	FROM places CROSS JOIN generate_series(0, 9) k JOIN people ON people.n = 1 + (places.n + k * 7919) % 100000;
INSERT INTO outbox_messages (id, created_at, updated_at, kind, payload, next_attempt_at, delivered_at)
	SELECT gen_random_uuid(), now(), now(), 'test', '{}', now(), now() FROM generate_series(1, 100000) n;
ANALYZE;`

// TestNoActionScansATable: with any number of rooms, each action touches only the rows that it concerns.
// PostgreSQL itself counts them when the server's connections end.
func TestNoActionScansATable(t *testing.T) {
	t.Parallel()
	url := env.PostgresURL(t)
	db, err := pgx.Connect(t.Context(), url)
	require.NoError(t, err)
	t.Cleanup(func() { db.Close(context.Background()) })
	_, err = db.Exec(t.Context(), fillDatabase)
	require.NoError(t, err)
	var accesses int
	require.NoError(t, db.QueryRow(t.Context(), "SELECT count(*) FROM room_accesses").Scan(&accesses))
	require.Equal(t, manyAccesses, accesses)

	s := startServer(t, "DATABASE_URL="+url)
	ada := s.login("Ada Lovelace")
	_, err = db.Exec(t.Context(), `INSERT INTO room_accesses (id, created_at, updated_at, role, room_id, user_id)
		SELECT gen_random_uuid(), now(), now(), 'OWNER', r.id, u.id
		FROM (SELECT id FROM rooms ORDER BY id LIMIT $1) r, users u WHERE u.full_name = 'Ada Lovelace'`, ofOnePerson)
	require.NoError(t, err)
	_, err = db.Exec(t.Context(), "ANALYZE room_accesses")
	require.NoError(t, err)
	_, err = db.Exec(t.Context(), "SELECT pg_stat_force_next_flush()")
	require.NoError(t, err)
	before := rowsRead(t, db)
	everydayLife(t, s, ada)
	require.NoError(t, s.stop(), "and says what its connections have counted")
	for table, after := range rowsRead(t, db) {
		read := after - before[table]
		t.Logf("%-20s %d rows read", table, read)
		assert.Less(t, read, int64(manyRooms/10), table)
	}
}

// rowsRead returns how many rows of each table were read, with an index or without.
func rowsRead(t *testing.T, db *pgx.Conn) map[string]int64 {
	t.Helper()
	rows, err := db.Query(t.Context(), `SELECT t.relname, t.seq_tup_read +
		coalesce((SELECT sum(idx_tup_read) FROM pg_stat_user_indexes i WHERE i.relid = t.relid), 0)::bigint
		FROM pg_stat_user_tables t WHERE t.schemaname = 'public'`)
	require.NoError(t, err)
	read := map[string]int64{}
	var table string
	var n int64
	_, err = pgx.ForEachRow(rows, []any{&table, &n}, func() error {
		read[table] = n
		return nil
	})
	require.NoError(t, err)
	require.Contains(t, read, "room_accesses")
	return read
}

// everydayLife runs every operation that leads to a query, some of them twice.
func everydayLife(t *testing.T, s *server, ada string) {
	t.Helper()
	const list = `query($after: Cursor) { rooms(first: 20, after: $after) { totalCount
		pageInfo { endCursor } edges { node { id viewerRole } } } }`
	page := s.must(ada, list, nil)
	require.Equal(t, fmt.Sprint(ofOnePerson), text(page, "rooms.totalCount"))
	s.must(ada, list, object{"after": at(page, "rooms.pageInfo.endCursor")})
	roomID := s.room(ada, object{"accessLevel": "RESTRICTED", "slug": "a-room-of-ones-own"})
	s.must("", `{ room(slug: "a-room-of-ones-own") { name viewerCanJoin } }`, nil)
	s.must(ada, `query($id: ID!) { node(id: $id) { id } }`, object{"id": roomID})
	grant := func(email string) object {
		return s.must(ada, grantAccess, object{"input": object{"roomId": roomID, "email": email, "role": "MEMBER"}})
	}
	grant("person77@example.com")
	grant("nobody@example.net")
	s.must(ada, listAccesses, object{"id": roomID})
	s.must(ada, updateRoom, object{"input": object{"roomId": roomID, "name": "Another name"}})
	guest := s.knock(roomID, "Gus")
	s.must(ada, admitEntry, decision(roomID, guest))
	s.must("", createRoomToken, object{"input": object{"roomId": roomID, "ticket": guest.ticket}})
	s.must(ada, createRoomToken, object{"input": object{"roomId": roomID}})
	s.must(ada, readBans, object{"id": roomID})
	s.must(ada, `query($id: ID!) { room(id: $id) { audit(first: 10) { edges { node { action } } } } }`,
		object{"id": roomID})
	s.login("Bob Newcomer")
	s.must(ada, `mutation($id: ID!) { deleteRoom(input: {roomId: $id}) { room { id } } }`, object{"id": roomID})
}
