package meetings

import (
	"context"
	"errors"

	"github.com/google/uuid"

	"foyer/ent"
	"foyer/internal/fault"
	"foyer/internal/live"
	"foyer/internal/livekit"
	"foyer/lobby"
)

// Hear takes news from LiveKit. It may be repeated, and come in any order; what is not about a room
// of ours is fine. An error means that the same news should come again.
func (s *Service) Hear(ctx context.Context, e *livekit.Event) error {
	roomID, err := uuid.Parse(e.Room)
	if err != nil || roomID.String() != e.Room {
		return nil // a temporary room, or none of ours
	}
	seen, err := s.live.Seen(ctx, e.ID)
	if err != nil || seen {
		return err
	}
	room, err := s.rooms.ByID(ctx, roomID)
	switch {
	case fault.Is(err, fault.NotFound):
		err = s.hearOfNoRoom(ctx, e)
	case err == nil:
		err = s.hear(ctx, room, e)
	}
	if err != nil {
		return err
	}
	return s.live.MarkSeen(ctx, e.ID)
}

func (s *Service) hear(ctx context.Context, room *ent.Room, e *livekit.Event) error {
	p := e.Participant
	switch e.Kind {
	case livekit.RoomStarted:
		return s.mirror(ctx, room.ID)
	case livekit.RoomFinished:
		// An empty room is not the end of a meeting, and of several LiveKit nodes one may not know all.
		_, _, err := s.review(ctx, room)
		return err
	case livekit.EgressStarted, livekit.EgressUpdated, livekit.EgressEnded:
		return s.hearEgress(ctx, room.ID, e)
	}
	if p == nil {
		return nil
	}
	switch e.Kind {
	case livekit.ParticipantJoined:
		return s.judge(ctx, room, p)
	case livekit.TrackPublished:
		return s.hearTrack(ctx, room, p)
	case livekit.ParticipantLeft, livekit.ParticipantAborted:
		return s.live.CountOut(ctx, room.ID, p.ID(), p.SID)
	}
	return nil
}

// hearEgress takes news of what records a room: of ours, and of what others have started.
func (s *Service) hearEgress(ctx context.Context, roomID uuid.UUID, e *livekit.Event) error {
	if e.Egress == nil {
		return nil
	}
	over := e.Kind == livekit.EgressEnded
	return errors.Join(
		s.live.NoteEgress(ctx, roomID, e.Egress.ID, e.Egress.Records() && !over, over),
		s.recordings.Hear(ctx, e.Egress))
}

// judge checks a participant who has joined: one who may not be in the call at this moment is removed, every other
// gets their present role and permission, whatever their token says. What is no person has no pass: a ban alone keeps
// it out. A second connection of a person never may. Recorders are not judged: LiveKit's egress service lets them in.
func (s *Service) judge(ctx context.Context, room *ent.Room, p *livekit.Participant) error {
	if !counts(p) {
		return nil
	}
	standings, err := s.judged(ctx, room, []*livekit.Participant{p})
	if err != nil {
		return err
	}
	if !mayJoin(p, standings[0]) {
		return s.rtc.RemoveParticipant(ctx, room.ID.String(), p.Identity)
	}
	result := s.settle(ctx, room.ID, []*livekit.Participant{p}, standings)[0]
	if result.Outcome != Done { // he has left already, or LiveKit did not do it
		return result.err
	}
	return s.live.CountIn(ctx, room.ID, p.ID(), live.Connection{ID: p.SID, Since: p.JoinedAt})
}

// mayJoin reports whether a participant may join a call at this moment.
func mayJoin(p *livekit.Participant, is lobby.Standing) bool {
	return !is.Banned && !p.Second() && (p.Kind != livekit.Person || !is.LockedOut && is.Refused == nil)
}

// hearTrack judges somebody who sends without having joined: a client may connect what it sends and not what it
// receives. Then LiveKit reports no ParticipantJoined, and everybody receives what the client sends.
func (s *Service) hearTrack(ctx context.Context, room *ent.Room, p *livekit.Participant) error {
	joined, err := s.live.IsInside(ctx, room.ID, p.ID(), p.SID)
	if err != nil || joined {
		return err
	}
	sender, err := s.rtc.Participant(ctx, room.ID.String(), p.Identity)
	if fault.Is(err, fault.NotFound) {
		return nil
	}
	if err != nil {
		return err
	}
	return s.judge(ctx, room, sender)
}

// hearOfNoRoom removes who enters a room that has been deleted. Rooms of others, such as another Foyer on the same
// LiveKit, may have such names too: their participants carry no token of this deployment.
func (s *Service) hearOfNoRoom(ctx context.Context, e *livekit.Event) error {
	if e.Kind != livekit.ParticipantJoined || e.Participant == nil || !s.rtc.Made(e.Participant) {
		return nil
	}
	return s.rtc.RemoveParticipant(ctx, e.Room, e.Participant.Identity)
}
