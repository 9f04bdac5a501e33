package database_test

import (
	"context"
	"path/filepath"
	"testing"
	"time"

	"github.com/google/uuid"
	"github.com/stretchr/testify/require"

	"foyer/ent"
	"foyer/ent/database"
	"foyer/ent/room"
)

// roomIn makes an SQLite database with some rooms, and returns it with one of them.
func roomIn(t testing.TB) (*database.DB, *ent.Room) {
	db, err := database.Open(database.SQLite(filepath.Join(t.TempDir(), "test.db")), 4)
	require.NoError(t, err)
	t.Cleanup(func() { _ = db.Close() })
	_, err = db.Migrate(t.Context())
	require.NoError(t, err)
	var made *ent.Room
	for range 20 {
		made = db.Room.Create().SetName("x").SetSlug(uuid.NewString()).
			SetAccessLevel(room.AccessLevelPUBLIC).SaveX(t.Context())
	}
	return db, made
}

func BenchmarkRoomByID(b *testing.B) {
	db, made := roomIn(b)
	ctx, cancel := context.WithTimeout(b.Context(), time.Hour) // as an operation has
	defer cancel()
	b.ReportAllocs()
	for b.Loop() {
		if _, err := db.Room.Get(ctx, made.ID); err != nil {
			b.Fatal(err)
		}
	}
}
