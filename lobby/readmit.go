package lobby

import (
	"context"
	"time"

	"github.com/google/uuid"

	"foyer/internal/live"
	"foyer/internal/livekit"
	"foyer/rooms"
)

// Claimant is a person whose admission Redis may have lost.
type Claimant struct {
	// ID is the entry's.
	ID uuid.UUID
	// UserID is the account, zero for a person without one; nil when that is not known.
	UserID *uuid.UUID
}

// Readmit brings back hosts' admissions that Redis has lost, as in a failover. The audit in the database has them, and
// what hosts have decided later. It reports whether any has come back. Bans and locks stay in force.
func (s *Service) Readmit(ctx context.Context, roomID uuid.UUID, people ...Claimant) (readmitted bool, err error) {
	ids := make([]uuid.UUID, len(people))
	for i, p := range people {
		ids[i] = p.ID
	}
	if s.readmittedFor() <= 0 || len(ids) == 0 {
		return false, nil
	}
	admissions, err := s.rooms.Admissions(ctx, roomID, time.Now().Add(-s.readmittedFor()), ids...)
	if err != nil {
		return false, err
	}
	for _, p := range people {
		if admission, found := admissions[p.ID]; found {
			done, err := s.live.Readmit(ctx, roomID, lost(p, admission))
			if err != nil {
				return readmitted, err
			}
			readmitted = readmitted || done
		}
	}
	return readmitted, nil
}

// readmittedFor is how long an admission can be brought back: as long as a token that was made with it opens the room.
func (s *Service) readmittedFor() time.Duration {
	return min(s.livekit.TokenTTL(), s.live.ReadmittedFor())
}

// lost returns an admission from the audit.
func lost(p Claimant, a rooms.Admission) live.Admission {
	userID := uuid.Nil
	if p.UserID != nil {
		userID = *p.UserID
	}
	return live.Admission{ID: p.ID, UserID: p.UserID, Name: a.Name, Color: livekit.Color(userID, p.ID), At: a.At}
}
