package recordings

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"time"

	"github.com/google/uuid"

	"foyer/auth"
	"foyer/ent"
	"foyer/ent/auditevent"
	"foyer/ent/database"
	"foyer/ent/recording"
	"foyer/internal/fault"
	"foyer/internal/outbox"
	"foyer/rooms"
)

// Kind is that of what is left of deleted recordings in the outbox. Deliver removes it.
const Kind = "recording.discard"

const (
	// sweepSize is how many expired recordings are removed in one go.
	sweepSize = 100
	// sweepFailures is how many of them may fail in one go.
	sweepFailures = 3
	// discardSize is how many messages one statement writes.
	discardSize = 500
)

// Delete deletes a recording and its file, for a host. Conflict for one that is not final, Unavailable
// when the storage is: the recording is still there then, and deleting it again is fine.
func (s *Service) Delete(ctx context.Context, id uuid.UUID) error {
	rec, err := s.hosted(ctx, id)
	switch {
	case err != nil:
		return err
	case !isFinal(rec):
		return fault.New(fault.Conflict, "this recording has not ended: stop it first")
	case s.bucket == nil:
		return errOff()
	}
	ctx = context.WithoutCancel(ctx)
	removed, err := s.remove(ctx, rec)
	if err == nil && removed {
		s.record(ctx, rec, rooms.Act{Action: auditevent.ActionDELETE_RECORDING})
	}
	return err
}

// hosted finds a recording for a host of its room; Forbidden for who may only see it.
func (s *Service) hosted(ctx context.Context, id uuid.UUID) (*ent.Recording, error) {
	rec, err := s.Get(ctx, id)
	if err != nil {
		return nil, err
	}
	if host, err := s.isHost(ctx, rec); err != nil || !host {
		return nil, errors.Join(err, fault.New(fault.Forbidden, "only hosts of the room may do this"))
	}
	return rec, nil
}

// remove deletes the file of a recording, then its row, and reports whether that was there. While LiveKit
// may yet write a file of a recording that was given up, its removal is left to the outbox.
func (s *Service) remove(ctx context.Context, rec *ent.Recording) (bool, error) {
	if err := s.bucket.Delete(ctx, Key(rec)); err != nil {
		return false, err
	}
	removed := 0
	err := database.InTx(ctx, s.db, func(tx *ent.Tx) (err error) {
		removed, err = tx.Recording.Delete().
			Where(recording.ID(rec.ID), recording.StatusIn(final...)).Exec(ctx)
		if err != nil || removed == 0 || rec.Status == recording.StatusSAVED {
			return err
		}
		return s.outbox.Add(ctx, tx, Kind, s.discard(rec))
	})
	if err != nil {
		return false, fmt.Errorf("delete recording %s: %w", rec.ID, err)
	}
	return removed > 0, nil
}

// discard is what the outbox keeps of a recording whose row is gone.
type discard struct {
	Recording uuid.UUID `json:"recording"`
	Room      uuid.UUID `json:"room"`
	Key       string    `json:"key"`
	// Until is when no egress can begin any more of which LiveKit does not know yet.
	Until time.Time `json:"until"`
}

func (s *Service) discard(rec *ent.Recording) discard {
	return discard{rec.ID, rec.RoomID, Key(rec), rec.CreatedAt.Add(s.settings.StartTimeout)}
}

// DiscardOf adds to the outbox, in the transaction that deletes a room, that its recordings end and that their
// files are deleted.
func (s *Service) DiscardOf(ctx context.Context, tx *ent.Tx, roomID uuid.UUID) error {
	list, err := tx.Recording.Query().Where(recording.RoomID(roomID)).All(ctx)
	if err != nil {
		return fmt.Errorf("find the recordings of a room: %w", err)
	}
	for some := range slices.Chunk(list, discardSize) {
		discards := make([]any, len(some))
		for i, rec := range some {
			discards[i] = s.discard(rec)
		}
		if err := s.outbox.Add(ctx, tx, Kind, discards...); err != nil {
			return err
		}
	}
	return nil
}

var errNotEnded = errors.New("its egress has not ended yet")

// Deliver removes what is left of a recording, as the outbox wants it: it ends its egress and deletes
// its file, as often as it takes until there can be no other.
func (s *Service) Deliver(ctx context.Context, m *ent.OutboxMessage) error {
	var d discard
	if err := json.Unmarshal(m.Payload, &d); err != nil || d.Key == "" {
		return outbox.Permanent(errors.New("the payload names no recording"))
	}
	running, errLiveKit := s.stopAll(ctx, d)
	errBucket := s.bucket.Delete(ctx, d.Key)
	if err := errors.Join(errLiveKit, errBucket); err != nil {
		return err
	}
	if running || time.Now().Before(d.Until) {
		return errNotEnded
	}
	return nil
}

// stopAll asks every egress that writes a file to end, and reports whether one still runs.
func (s *Service) stopAll(ctx context.Context, d discard) (running bool, err error) {
	list, err := s.rtc.Egresses(ctx, d.Room.String())
	if err != nil {
		return false, err
	}
	for _, e := range list {
		if e.File != d.Key || e.Ended() {
			continue
		}
		now, errStop := s.rtc.StopEgress(ctx, e.ID)
		err = errors.Join(err, errStop)
		running = running || errStop != nil || !now.Ended()
	}
	return running, err
}

// sweep removes recordings whose time is over. One that cannot be removed keeps no other; when several
// cannot, the storage is away, and the rest waits for it too.
func (s *Service) sweep(ctx context.Context) error {
	expired, err := s.db.Recording.Query().
		Where(recording.ExpiresAtLTE(time.Now()), recording.StatusIn(final...)).
		Order(recording.ByExpiresAt()).Limit(sweepSize).All(ctx)
	if err != nil {
		return fmt.Errorf("find expired recordings: %w", err)
	}
	var failed []error
	for _, rec := range expired {
		if _, err := s.remove(ctx, rec); err != nil {
			failed = append(failed, err)
		}
		if len(failed) == sweepFailures {
			break
		}
	}
	return errors.Join(failed...)
}

// viewerIs reports whether a user is who is asking.
func viewerIs(ctx context.Context, userID uuid.UUID) bool {
	viewer := auth.FromContext(ctx)
	return viewer.SignedIn() && viewer.UserID == userID
}
