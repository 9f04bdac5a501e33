// Package meetings is about the people in a running call: who they are, what hosts do to them, and what
// LiveKit tells of them.
//
// What a host decides is stored first, in the database or in Redis, and carried to LiveKit then. So a
// decision holds against old tokens and late joiners also when LiveKit was out of reach: whoever joins
// is judged by what is stored, and those inside are compared with it again and again.
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
	"foyer/internal/fault"
	"foyer/internal/live"
	"foyer/internal/livekit"
	"foyer/lobby"
	"foyer/recordings"
	"foyer/rooms"
)

// Service moderates calls, and carries the changes of rooms to the lobby and to LiveKit.
type Service struct {
	settings   Settings
	rooms      *rooms.Editor
	lobby      *lobby.Service
	live       *live.Service
	rtc        *livekit.Client
	recordings *recordings.Service
}

// Settings of a Service.
type Settings struct {
	// UsersChooseNames lets a signed-in person rename himself in a call.
	UsersChooseNames bool
	// HostsAreRoomAdmins: hosts enter with a grant for LiveKit's API, which only ends with the connection.
	HostsAreRoomAdmins bool
	// ReviewInterval is how often every meeting is compared with LiveKit.
	ReviewInterval time.Duration
}

// New returns a Service.
func New(
	of *rooms.Service, lobby *lobby.Service, live *live.Service, rtc *livekit.Client,
	recordings *recordings.Service, settings Settings,
) *Service {
	return &Service{settings, rooms.NewEditor(of), lobby, live, rtc, recordings}
}

// UpdatedRoom is a room after a change, and what the change did to the people in its call.
type UpdatedRoom struct {
	Room         *ent.Room
	Participants []*Result
	// Synced is false when LiveKit could not be told; it will be.
	Synced bool
}

// UpdateRoom changes a room for a host. Whoever waits and may walk in from now on is let in; whoever is
// in the call may do what the room says from now on, or has to leave it. What is stored stays stored
// when the lobby or LiveKit is out of reach: they are told later.
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

// letIn admits those who wait and may walk in by now. Where it fails they are let in by the lobby's
// heartbeat or, with a role in a RESTRICTED room, when they ask again.
func (s *Service) letIn(ctx context.Context, roomID uuid.UUID) {
	if err := s.lobby.LetIn(ctx, roomID); err != nil {
		slog.WarnContext(ctx, "those who may walk in wait a little longer", "room", roomID, "err", err)
	}
}

// apply carries a room as it is now to its call.
func (s *Service) apply(ctx context.Context, r *ent.Room) (results []*Result, synced bool) {
	ctx = context.WithoutCancel(ctx) // what has begun is finished, also when the client hangs up
	s.tell(ctx, r.ID)
	results, _, err := s.review(ctx, r)
	if err != nil {
		slog.WarnContext(ctx, "a room's change does not hold for those inside yet", "room", r.ID, "err", err)
	}
	return results, err == nil && !anyFailed(results)
}

// mirrorTries bounds how often a room's metadata are written when it keeps changing.
const mirrorTries = 3

// mirror sets LiveKit's metadata of a room from our database. Of two changes at once both write, and
// both look again afterwards, so that the newer one stays.
func (s *Service) mirror(ctx context.Context, roomID uuid.UUID) error {
	written := ""
	for range mirrorTries {
		r, err := s.rooms.ByID(ctx, roomID)
		if err != nil {
			return err
		}
		if metadata(r) == written {
			return nil
		}
		written = metadata(r)
		if err := s.rtc.SetMetadata(ctx, roomID.String(), written); err != nil {
			return err
		}
	}
	return nil
}

// metadata is what everybody in a call can read of its room, as JSON.
func metadata(r *ent.Room) string {
	type configuration struct {
		PublishSources  []schema.PublishSource `json:"publishSources"`
		EveryoneCanMute bool                   `json:"everyoneCanMute"`
		DataAllowed     bool                   `json:"dataAllowed"`
	}
	text, _ := json.Marshal(struct { // it has nothing that could fail
		AccessLevel   string        `json:"accessLevel"`
		Locked        bool          `json:"locked"`
		Configuration configuration `json:"configuration"`
	}{
		r.AccessLevel.String(), r.LockedAt != nil,
		configuration{r.PublishSources, r.EveryoneCanMute, r.DataAllowed},
	})
	return string(text)
}

// DeleteRoom deletes a room for an owner: who waits is told, who is in the call is disconnected, and the
// files of its recordings are removed.
// The room is gone even when the lobby or LiveKit is out of reach.
func (s *Service) DeleteRoom(ctx context.Context, roomID uuid.UUID) (*ent.Room, error) {
	r, err := s.rooms.Delete(ctx, roomID, s.recordings.DiscardOf)
	if err != nil {
		return nil, err
	}
	ctx = context.WithoutCancel(ctx)
	if _, err := s.live.End(ctx, roomID); err != nil {
		slog.WarnContext(ctx, "the lobby of a deleted room ends a little later", "room", roomID, "err", err)
	}
	if err := s.rtc.EndRoom(ctx, roomID.String()); err != nil {
		slog.WarnContext(ctx, "the call of a deleted room goes on", "room", roomID, "err", err)
	}
	return r, nil
}

// Lock keeps everybody out of a room but its hosts, for a host, until it is unlocked or the meeting
// ends. Those inside stay.
func (s *Service) Lock(ctx context.Context, roomID uuid.UUID) (*ent.Room, error) {
	r, changed, err := s.rooms.Lock(ctx, roomID)
	if err != nil || !changed {
		return r, err
	}
	s.rooms.WriteAudit(ctx, roomID, rooms.Act{Action: auditevent.ActionLOCK})
	s.tell(ctx, roomID)
	return r, nil
}

// Unlock lets people in again, for a host, and at once those who wait and may walk in.
func (s *Service) Unlock(ctx context.Context, roomID uuid.UUID) (*ent.Room, error) {
	r, changed, err := s.rooms.Unlock(ctx, roomID)
	if err != nil || !changed {
		return r, err
	}
	s.rooms.WriteAudit(ctx, roomID, rooms.Act{Action: auditevent.ActionUNLOCK})
	s.letIn(ctx, roomID)
	s.tell(ctx, roomID)
	return r, nil
}

// tell tells of a change of a room: LiveKit, and those who follow it, who wait for it among them.
func (s *Service) tell(ctx context.Context, roomID uuid.UUID) {
	ctx = context.WithoutCancel(ctx)
	if err := s.mirror(ctx, roomID); err != nil {
		slog.WarnContext(ctx, "LiveKit's metadata of a room are old", "room", roomID, "err", err)
	}
	if err := s.live.TouchAll(ctx, roomID); err != nil {
		slog.WarnContext(ctx, "who follows a room hears of its change later", "room", roomID, "err", err)
	}
}

// End ends the meeting of a room, for a host: who waits is told, who is in the call is disconnected,
// and what was given out before to enter it opens it no longer. Unavailable when LiveKit is; everything
// else has happened then, and to do it again is fine.
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
	if err := s.rtc.EndRoom(ctx, roomID.String()); err != nil {
		return nil, err
	}
	if err := s.live.MarkEndApplied(ctx, roomID, endedAt); err != nil {
		return nil, err
	}
	r.LockedAt = nil
	return r, nil
}

// codeOf is the API's code of an error.
func codeOf(err error) string { return string(fault.Of(err).Kind) }
