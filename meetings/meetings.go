// Package meetings is about the people in a running meeting: who they are, how hosts moderate them, and which events
// LiveKit sends about them.
//
// A host's decision is stored first, in the database or in Redis, and then sent to LiveKit. So it is in force against
// old tokens and late joiners even when LiveKit was unavailable: a participant who joins is judged by what is stored,
// and everybody inside is compared with it again and again.
package meetings

import (
	"context"
	"encoding/json"
	"log/slog"
	"time"

	"github.com/google/uuid"

	"foyer/ent"
	"foyer/ent/auditevent"
	"foyer/ent/schema"
	"foyer/internal/live"
	"foyer/internal/livekit"
	"foyer/lobby"
	"foyer/recordings"
	"foyer/rooms"
)

// Service moderates meetings, and applies changes of rooms in the lobby and in LiveKit.
type Service struct {
	settings   Settings
	rooms      *rooms.Editor
	lobby      *lobby.Service
	live       *live.Service
	livekit    *livekit.Client
	recordings *recordings.Service
}

// Dependencies of a Service.
type Dependencies struct {
	Rooms      *rooms.Service
	Lobby      *lobby.Service
	Live       *live.Service
	LiveKit    *livekit.Client
	Recordings *recordings.Service
}

// Settings of a Service.
type Settings struct {
	// UsersChooseNames lets signed-in people change their own names in a meeting.
	UsersChooseNames bool
	// HostsAreRoomAdmins: hosts join with a grant for LiveKit's API, which ends only with the connection.
	HostsAreRoomAdmins bool
	// ReviewInterval is how often every meeting is compared with LiveKit.
	ReviewInterval time.Duration
}

// New returns a Service.
func New(d Dependencies, settings Settings) *Service {
	return &Service{settings, rooms.NewEditor(d.Rooms), d.Lobby, d.Live, d.LiveKit, d.Recordings}
}

// UpdatedRoom is a room after a change, and what the change did to the people in its meeting.
type UpdatedRoom struct {
	Room         *ent.Room
	Participants []*Result
	// Synced is false when LiveKit does not have the change yet; it will be sent again.
	Synced bool
}

// UpdateRoom changes a room, for a host. Waiting guests who may walk in from now on are admitted. People in the meeting
// get the rights that the room gives from now on, or are removed. The change is stored even when the lobby or LiveKit
// is unavailable; it reaches them later.
func (s *Service) UpdateRoom(ctx context.Context, in rooms.UpdateInput) (*UpdatedRoom, error) {
	r, err := s.rooms.Update(ctx, in)
	if err != nil {
		return nil, err
	}
	updated := &UpdatedRoom{Room: r, Synced: true}
	if in.AccessLevel == nil && in.Configuration == nil {
		return updated, nil
	}
	s.rooms.WriteAudit(ctx, r.ID, rooms.Act{Action: auditevent.ActionUPDATE_ROOM, Detail: metadata(r)})
	if in.AccessLevel != nil {
		s.letIn(ctx, r.ID)
	}
	updated.Participants, updated.Synced = s.apply(ctx, r)
	return updated, nil
}

// letIn admits waiting guests who may walk in by now. When it fails, the lobby's heartbeat admits them or, if they have
// a role in a RESTRICTED room, their next request.
func (s *Service) letIn(ctx context.Context, roomID uuid.UUID) {
	if err := s.lobby.LetIn(ctx, roomID); err != nil {
		slog.WarnContext(ctx, "guests who may walk in wait a little longer", "room", roomID, "err", err)
	}
}

// apply applies a room as it is now to its meeting.
func (s *Service) apply(ctx context.Context, r *ent.Room) (results []*Result, synced bool) {
	ctx = context.WithoutCancel(ctx) // continue although the client disconnects
	s.announce(ctx, r.ID)
	results, _, err := s.review(ctx, r)
	if err != nil {
		slog.WarnContext(ctx, "a room's change does not concern people inside yet", "room", r.ID, "err", err)
	}
	return results, err == nil && !anyFailed(results)
}

// metadataTries bounds how often a room's metadata are written when it keeps changing.
const metadataTries = 3

// writeMetadata sets LiveKit's metadata of a room from our database. After each write it reads the room again, so that
// of two concurrent changes the newer one wins.
func (s *Service) writeMetadata(ctx context.Context, roomID uuid.UUID) error {
	written := ""
	for range metadataTries {
		r, err := s.rooms.ByID(ctx, roomID)
		if err != nil {
			return err
		}
		if metadata(r) == written {
			return nil
		}
		written = metadata(r)
		if err := s.livekit.SetMetadata(ctx, roomID.String(), written); err != nil {
			return err
		}
	}
	return nil
}

// metadata is what everybody in a meeting can read of its room, as JSON.
func metadata(r *ent.Room) string {
	type configuration struct {
		PublishSources  []schema.PublishSource `json:"publishSources"`
		EveryoneCanMute bool                   `json:"everyoneCanMute"`
		DataAllowed     bool                   `json:"dataAllowed"`
	}
	text, _ := json.Marshal(struct { // it cannot fail
		AccessLevel   string        `json:"accessLevel"`
		Locked        bool          `json:"locked"`
		Configuration configuration `json:"configuration"`
	}{
		r.AccessLevel.String(), r.LockedAt != nil,
		configuration{r.PublishSources, r.EveryoneCanMute, r.DataAllowed},
	})
	return string(text)
}

// DeleteRoom deletes a room, for an owner: waiting guests learn of it, people in the meeting are disconnected, and the
// files of its recordings are removed. The room is gone even when the lobby or LiveKit is unavailable.
func (s *Service) DeleteRoom(ctx context.Context, roomID uuid.UUID) (*ent.Room, error) {
	r, err := s.rooms.Delete(ctx, roomID, s.recordings.AddDiscards)
	if err != nil {
		return nil, err
	}
	ctx = context.WithoutCancel(ctx)
	if _, err := s.live.End(ctx, roomID); err != nil {
		slog.WarnContext(ctx, "the lobby of a deleted room ends a little later", "room", roomID, "err", err)
	}
	if err := s.livekit.EndRoom(ctx, roomID.String()); err != nil {
		slog.WarnContext(ctx, "the meeting of a deleted room goes on", "room", roomID, "err", err)
	}
	return r, nil
}

// Lock keeps everybody but hosts from entering a room, for a host, until it is unlocked or the meeting ends. People
// inside stay.
func (s *Service) Lock(ctx context.Context, roomID uuid.UUID) (*ent.Room, error) {
	r, changed, err := s.rooms.Lock(ctx, roomID)
	if err != nil || !changed {
		return r, err
	}
	s.rooms.WriteAudit(ctx, roomID, rooms.Act{Action: auditevent.ActionLOCK})
	s.announce(ctx, roomID)
	return r, nil
}

// Unlock lets people enter again, for a host, and admits waiting guests who may walk in.
func (s *Service) Unlock(ctx context.Context, roomID uuid.UUID) (*ent.Room, error) {
	r, changed, err := s.rooms.Unlock(ctx, roomID)
	if err != nil || !changed {
		return r, err
	}
	s.rooms.WriteAudit(ctx, roomID, rooms.Act{Action: auditevent.ActionUNLOCK})
	s.letIn(ctx, roomID)
	s.announce(ctx, roomID)
	return r, nil
}

// announce sends a change of a room to LiveKit, to the room's watchers, and to waiting guests.
func (s *Service) announce(ctx context.Context, roomID uuid.UUID) {
	ctx = context.WithoutCancel(ctx)
	if err := s.writeMetadata(ctx, roomID); err != nil {
		slog.WarnContext(ctx, "LiveKit's metadata of a room are old", "room", roomID, "err", err)
	}
	if err := s.live.TouchAll(ctx, roomID); err != nil {
		slog.WarnContext(ctx, "the watchers of a room learn of its change later", "room", roomID, "err", err)
	}
}

// End ends the meeting of a room, for a host: waiting guests learn of it, people inside are disconnected, and older
// tokens and admissions are void. Unavailable when LiveKit is: everything else has happened then, and repeating is
// safe.
func (s *Service) End(ctx context.Context, roomID uuid.UUID) (*ent.Room, error) {
	standing, err := s.rooms.RoomFor(ctx, roomID, rooms.Moderate)
	if err != nil {
		return nil, err
	}
	r := standing.Room
	ctx = context.WithoutCancel(ctx)
	endedAt, err := s.live.End(ctx, roomID)
	if err != nil {
		return nil, err
	}
	if err := s.rooms.EndMeeting(ctx, roomID, time.Now()); err != nil {
		return nil, err
	}
	s.rooms.WriteAudit(ctx, roomID, rooms.Act{Action: auditevent.ActionEND_MEETING})
	if err := s.recordings.EndMeeting(ctx, roomID, time.Now()); err != nil {
		return nil, err
	}
	if err := s.livekit.EndRoom(ctx, roomID.String()); err != nil {
		return nil, err
	}
	if err := s.live.MarkEndApplied(ctx, roomID, endedAt); err != nil {
		return nil, err
	}
	r.LockedAt = nil
	return r, nil
}
