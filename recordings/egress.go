package recordings

import (
	"context"
	"fmt"
	"strings"

	"github.com/google/uuid"

	"foyer/ent"
	"foyer/ent/recording"
	"foyer/internal/livekit"
)

// limitReached is the reason of a recording that LiveKit ended at its size or duration limit.
const limitReached = "it reached the limit of the media server"

// HandleEgress applies a report of an egress to its recording. Reports may be repeated, arrive in any order, and
// arrive before LiveKit answers the request that started the egress. Reports of egresses that are not Foyer's have no
// effect. After an error the same report must be sent again.
func (s *Service) HandleEgress(ctx context.Context, e *livekit.Egress) error {
	rec, err := s.findByEgress(ctx, e)
	if ent.IsNotFound(err) {
		if _, ours := idOf(e.File); ours && !e.Ended() {
			s.Wake() // the reconciler stops it
		}
		return nil
	}
	if err != nil {
		return fmt.Errorf("find the recording of an egress: %w", err)
	}
	return s.apply(ctx, rec, e)
}

// findByEgress returns the recording of an egress: by the egress's id or, until that is stored, by its file. If
// LiveKit does not report a file, it is the recording of the room that has no egress yet.
func (s *Service) findByEgress(ctx context.Context, e *livekit.Egress) (*ent.Recording, error) {
	rec, err := s.db.Recording.Query().Where(recording.EgressID(e.ID)).Only(ctx)
	if !ent.IsNotFound(err) {
		return rec, err
	}
	roomID, errRoom := uuid.Parse(e.Room)
	id, ours := idOf(e.File)
	switch {
	case errRoom != nil:
		return nil, err
	case ours:
		rec, err = s.db.Recording.Query().Where(recording.ID(id), recording.RoomID(roomID)).Only(ctx)
		if err == nil && !isFileOf(e, rec) {
			return nil, &ent.NotFoundError{}
		}
		return rec, err
	case !e.FileKnown:
		return s.db.Recording.Query().
			Where(recording.RoomID(roomID), isUnfinished(), recording.EgressIDIsNil()).Only(ctx)
	default:
		return nil, err
	}
}

// idOf returns the id of the recording that a key names.
func idOf(path string) (uuid.UUID, bool) {
	name, inFolder := strings.CutPrefix(path, folder)
	text, _, _ := strings.Cut(name, ".")
	id, err := uuid.Parse(text)
	return id, inFolder && err == nil && id.String() == text
}

// apply updates a recording to the state of its egress. A report that is older than the row changes nothing.
func (s *Service) apply(ctx context.Context, rec *ent.Recording, e *livekit.Egress) error {
	if mine, err := s.claim(ctx, rec, e); err != nil || !mine {
		return err
	}
	switch e.Status {
	case livekit.EgressActive:
		return s.markActive(ctx, rec, e)
	case livekit.EgressEnding:
		_, err := s.markStopping(ctx, rec)
		return err
	case livekit.EgressComplete:
		return s.markSaved(ctx, rec, file{e, e.Size, ""})
	case livekit.EgressLimitReached:
		return s.markSaved(ctx, rec, file{e, e.Size, limitReached})
	case livekit.EgressAborted:
		return s.fail(ctx, rec, recording.StatusABORTED, reasonOf(e, "the media server aborted it"))
	case livekit.EgressFailed:
		return s.fail(ctx, rec, recording.StatusFAILED, reasonOf(e, "the media server failed to record"))
	}
	return nil
}

func reasonOf(e *livekit.Egress, otherwise string) string {
	if e.Error == "" {
		return otherwise
	}
	return e.Error
}

// claim stores an egress's id in a recording without one, and reports whether the recording has this egress. The
// reconciler stops any other egress of the same recording.
func (s *Service) claim(ctx context.Context, rec *ent.Recording, e *livekit.Egress) (bool, error) {
	if rec.EgressID == nil {
		_, err := s.db.Recording.Update().Where(recording.ID(rec.ID), recording.EgressIDIsNil()).
			SetEgressID(e.ID).Save(ctx)
		if err != nil {
			return false, fmt.Errorf("store the egress of recording %s: %w", rec.ID, err)
		}
	}
	mine, err := s.db.Recording.Query().
		Where(recording.ID(rec.ID), recording.EgressID(e.ID)).Exist(ctx)
	if err != nil {
		return false, fmt.Errorf("find the egress of recording %s: %w", rec.ID, err)
	}
	if !mine && !e.Ended() {
		s.Wake()
	}
	return mine, nil
}

// stopEgress asks LiveKit to end an egress, and applies the answer to its recording.
func (s *Service) stopEgress(ctx context.Context, egressID string) error {
	e, err := s.livekit.StopEgress(ctx, egressID)
	if err != nil {
		return err
	}
	return s.HandleEgress(ctx, e)
}

// egressOf finds the egress of a recording in LiveKit's list of its room; nil if there is none.
func (s *Service) egressOf(ctx context.Context, rec *ent.Recording) (*livekit.Egress, error) {
	list, err := s.livekit.Egresses(ctx, rec.RoomID.String())
	if err != nil {
		return nil, err
	}
	return findEgress(list, rec), nil
}

// findEgress returns the egress of a recording from a list; nil if it is not in the list.
func findEgress(list []*livekit.Egress, rec *ent.Recording) *livekit.Egress {
	for _, e := range list {
		if rec.EgressID != nil && *rec.EgressID == e.ID || rec.EgressID == nil && isFileOf(e, rec) {
			return e
		}
	}
	return nil
}

func isFileOf(e *livekit.Egress, rec *ent.Recording) bool {
	return e.Room == rec.RoomID.String() && e.File == Key(rec)
}
