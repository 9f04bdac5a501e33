package database_test

import (
	"context"
	"path/filepath"
	"strconv"
	"testing"
	"time"

	"github.com/google/uuid"
	"github.com/stretchr/testify/require"

	"foyer/ent"
	"foyer/ent/auditevent"
	"foyer/ent/database"
	"foyer/ent/room"
)

// roomIn creates an SQLite database with some rooms, and returns it with one of them.
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

// BenchmarkStandings runs the read of almost every request, for one key and for eight together.
func BenchmarkStandings(b *testing.B) {
	db, made := roomIn(b)
	ctx, cancel := context.WithTimeout(b.Context(), time.Hour) // an operation has a deadline too
	defer cancel()
	for _, people := range []int{1, 8} {
		b.Run(strconv.Itoa(people), func(b *testing.B) {
			b.ReportAllocs()
			asked := make([]ent.PersonInRoom, people)
			for i := range asked {
				asked[i] = ent.PersonInRoom{RoomID: made.ID, UserID: uuid.New(), ID: uuid.New()}
			}
			for b.Loop() {
				if _, err := db.Room.Standings(ctx, asked); err != nil {
					b.Fatal(err)
				}
			}
		})
	}
}

// BenchmarkRecord stores one event, and eight together.
func BenchmarkRecord(b *testing.B) {
	db, made := roomIn(b)
	target := uuid.New()
	for _, acts := range []int{1, 8} {
		b.Run(strconv.Itoa(acts), func(b *testing.B) {
			b.ReportAllocs()
			events := make([]*ent.AuditEvent, acts)
			for i := range events {
				events[i] = &ent.AuditEvent{
					RoomID: made.ID, Action: auditevent.ActionADMIT, ActorID: target, ActorName: "Olga",
					TargetID: &target, TargetName: "Anna",
				}
			}
			for b.Loop() {
				if err := db.AuditEvent.InsertAll(b.Context(), events); err != nil {
					b.Fatal(err)
				}
			}
		})
	}
}
