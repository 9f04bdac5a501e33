package recordings

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"time"

	"github.com/google/uuid"

	"foyer/ent"
	"foyer/ent/auditevent"
	"foyer/ent/database"
	"foyer/ent/recording"
	"foyer/internal/fault"
	"foyer/internal/outbox"
	"foyer/rooms"
)

// Kind is the outbox kind of what is left of deleted recordings. Deliver handles it.
const Kind = "recording.discard"

const (
	// expiredSize is how many expired recordings one reconciliation deletes.
	expiredSize = 100
	// expiredFailures is after how many failures it stops.
	expiredFailures = 3
	// discardSize is how many messages one statement adds.
	discardSize = 500
)

// Delete deletes a recording and its file, for a host. It may be repeated. Errors: Conflict if the recording
// has not ended; Unavailable if the storage does not answer, and then the recording still exists.
func (s *Service) Delete(ctx context.Context, id uuid.UUID) error {
	rec, err := s.getAsHost(ctx, id)
	switch {
	case err != nil:
		return err
	case !isFinal(rec):
		return fault.New(fault.Conflict, "this recording has not ended: stop it first")
	case s.bucket == nil:
		return errOff()
	}
	ctx = context.WithoutCancel(ctx)
	removed, err := s.deleteWithFile(ctx, rec)
	if err == nil && removed {
		s.writeAudit(ctx, rec, rooms.Act{Action: auditevent.ActionDELETE_RECORDING})
	}
	return err
}

// getAsHost is Get for hosts of the room. Forbidden for people who may only see the recording.
func (s *Service) getAsHost(ctx context.Context, id uuid.UUID) (*ent.Recording, error) {
	rec, err := s.Get(ctx, id)
	if err != nil {
		return nil, err
	}
	if host, err := s.isHost(ctx, rec); err != nil || !host {
		return nil, errors.Join(err, fault.New(fault.Forbidden, "only hosts of the room may do this"))
	}
	return rec, nil
}

// deleteWithFile deletes the file of a recording, then its row, and reports whether the row existed. LiveKit may
// still write the file of a recording that was given up: the outbox deletes such a file.
func (s *Service) deleteWithFile(ctx context.Context, rec *ent.Recording) (bool, error) {
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

// discard is the outbox payload of a deleted recording.
type discard struct {
	Recording uuid.UUID `json:"recording"`
	Room      uuid.UUID `json:"room"`
	Key       string    `json:"key"`
	// Until is when LiveKit lists every egress of the recording: no unknown one can begin later.
	Until time.Time `json:"until"`
}

func (s *Service) discard(rec *ent.Recording) discard {
	return discard{rec.ID, rec.RoomID, Key(rec), rec.CreatedAt.Add(s.settings.StartTimeout)}
}

// AddDiscards adds a discard of each recording of a room to the outbox, in the transaction that deletes the room.
func (s *Service) AddDiscards(ctx context.Context, tx *ent.Tx, roomID uuid.UUID) error {
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

// Deliver stops the egresses of a deleted recording and deletes its file. It returns an error, so that the
// outbox retries, until no egress can write the file again.
func (s *Service) Deliver(ctx context.Context, m *ent.OutboxMessage) error {
	var d discard
	if err := json.Unmarshal(m.Payload, &d); err != nil || d.Key == "" {
		return outbox.Permanent(errors.New("the payload names no recording"))
	}
	running, errLiveKit := s.stopEgresses(ctx, d)
	errBucket := s.bucket.Delete(ctx, d.Key)
	if err := errors.Join(errLiveKit, errBucket); err != nil {
		return err
	}
	if running || time.Now().Before(d.Until) {
		return errNotEnded
	}
	return nil
}

// stopEgresses asks every egress that writes the file to end, and reports whether one still runs.
func (s *Service) stopEgresses(ctx context.Context, d discard) (running bool, err error) {
	list, err := s.livekit.Egresses(ctx, d.Room.String())
	if err != nil {
		return false, err
	}
	for _, e := range list {
		if e.File != d.Key || e.Ended() {
			continue
		}
		now, errStop := s.livekit.StopEgress(ctx, e.ID)
		err = errors.Join(err, errStop)
		running = running || errStop != nil || !now.Ended()
	}
	return running, err
}

// deleteExpired deletes expired recordings. It continues after a failure; after several it assumes that the
// storage is down, and stops.
func (s *Service) deleteExpired(ctx context.Context) error {
	expired, err := s.db.Recording.Query().
		Where(recording.ExpiresAtLTE(time.Now()), recording.StatusIn(final...)).
		Order(recording.ByExpiresAt()).Limit(expiredSize).All(ctx)
	if err != nil {
		return fmt.Errorf("find expired recordings: %w", err)
	}
	var failed []error
	for _, rec := range expired {
		if _, err := s.deleteWithFile(ctx, rec); err != nil {
			failed = append(failed, err)
		}
		if len(failed) == expiredFailures {
			break
		}
	}
	return errors.Join(failed...)
}
