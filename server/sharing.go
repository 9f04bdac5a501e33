package main

import (
	"context"
	"fmt"
	"maps"
	"slices"
	"strings"

	"github.com/google/uuid"

	"foyer/ent/database"
	"foyer/ent/room"
	"foyer/internal/livekit"
	"foyer/server/config"
)

// checkSharing looks for other installations of Foyer that have people in this LiveKit. That is fine unless the people
// are in rooms of this database: there, each installation would remove the people of the other.
func checkSharing(ctx context.Context, c *config.Config) (string, error) {
	marks, err := livekit.New(livekitSettings(c)).Deployments(ctx)
	if err != nil { // the line above has the error
		return "not checked: LiveKit does not answer", nil
	}
	delete(marks, c.LiveKit.Deployment)
	others := slices.Sorted(maps.Keys(marks))
	if len(others) == 0 {
		return c.LiveKit.Deployment + ", and no other installation has people in LiveKit's rooms", nil
	}
	for _, other := range others {
		ours, err := countRooms(ctx, c, marks[other])
		if err != nil {
			return "", fixError{err, "see database"}
		}
		if ours > 0 {
			return "", fmt.Errorf("people of %q are in %d rooms of this database, which is that of %q",
				other, ours, c.LiveKit.Deployment)
		}
	}
	return c.LiveKit.Deployment + ", beside " + strings.Join(others, ", "), nil
}

// countRooms counts the LiveKit rooms that are in this database.
func countRooms(ctx context.Context, c *config.Config, names []string) (int, error) {
	db, err := database.Open(c.Database.URL, commandConnections)
	if err != nil {
		return 0, err
	}
	defer db.Close()
	var ids []uuid.UUID
	for _, name := range names {
		if id, err := uuid.Parse(name); err == nil {
			ids = append(ids, id)
		}
	}
	return db.Client.Room.Query().Where(room.IDIn(ids...)).Count(ctx)
}
