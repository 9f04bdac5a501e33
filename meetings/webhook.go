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

// ReceiveEvent processes an event of LiveKit. Events may be repeated, and come in any order; it ignores events of rooms
// that are not ours. After an error LiveKit should send the event again.
func (s *Service) ReceiveEvent(ctx context.Context, e *livekit.Event) error {
	roomID, err := uuid.Parse(e.Room)
	if err != nil || roomID.String() != e.Room {
		return nil // a temporary room, or not ours
	}
	seen, err := s.live.Seen(ctx, e.ID)
	if err != nil || seen {
		return err
	}
	room, err := s.rooms.ByID(ctx, roomID)
	switch {
	case fault.Is(err, fault.NotFound):
		err = s.receiveForNoRoom(ctx, e)
	case err == nil:
		err = s.receive(ctx, room, e)
	}
	if err != nil {
		return err
	}
	return s.live.MarkSeen(ctx, e.ID)
}

func (s *Service) receive(ctx context.Context, room *ent.Room, e *livekit.Event) error {
	p := e.Participant
	switch e.Kind {
	case livekit.RoomStarted:
		return s.writeMetadata(ctx, room.ID)
	case livekit.RoomFinished:
		// An empty room is not the end of a meeting, and one of several LiveKit nodes may not know all.
		_, _, err := s.review(ctx, room)
		return err
	case livekit.EgressStarted, livekit.EgressUpdated, livekit.EgressEnded:
		return s.receiveEgress(ctx, room.ID, e)
	}
	if p == nil {
		return nil
	}
	switch e.Kind {
	case livekit.ParticipantJoined:
		return s.judge(ctx, room, p)
	case livekit.TrackPublished:
		return s.receiveTrack(ctx, room, p)
	case livekit.ParticipantLeft, livekit.ParticipantAborted:
		return s.live.CountOut(ctx, room.ID, p.ID(), p.SID)
	}
	return nil
}

// receiveEgress processes an event of an egress that records a room: ours, or one that others have started.
func (s *Service) receiveEgress(ctx context.Context, roomID uuid.UUID, e *livekit.Event) error {
	if e.Egress == nil {
		return nil
	}
	over := e.Kind == livekit.EgressEnded
	return errors.Join(
		s.live.NoteEgress(ctx, roomID, e.Egress.ID, e.Egress.Records() && !over, over),
		s.recordings.HandleEgress(ctx, e.Egress))
}

// judge judges a participant who has joined. One who may not be in the meeting at this moment is removed; every other
// gets their present role and permission, whatever their token says. Participants that are not people have no pass:
// only a ban keeps them out. A second connection of a person is always removed. Recorders are not judged, since
// LiveKit's egress service lets them in.
func (s *Service) judge(ctx context.Context, room *ent.Room, p *livekit.Participant) error {
	if !counts(p) {
		return nil
	}
	verdicts, err := s.verdicts(ctx, room, []*livekit.Participant{p})
	if err != nil {
		return err
	}
	if !mayJoin(p, verdicts[0]) {
		return s.livekit.RemoveParticipant(ctx, room.ID.String(), p.Identity)
	}
	result := s.enforceAll(ctx, room.ID, []*livekit.Participant{p}, verdicts)[0]
	if result.Outcome != Done { // they have left already, or LiveKit did not do it
		return result.err
	}
	return s.live.CountIn(ctx, room.ID, p.ID(), live.Connection{ID: p.SID, Since: p.JoinedAt})
}

// mayJoin reports whether a participant may join a meeting at this moment.
func mayJoin(p *livekit.Participant, v lobby.Verdict) bool {
	return !v.Banned && !p.Second() && (p.Kind != livekit.Person || !v.LockedOut && v.Refused == nil)
}

// receiveTrack judges a participant who sends without having joined: a client may connect only for sending. Then
// LiveKit reports no ParticipantJoined, and everybody receives what the client sends.
func (s *Service) receiveTrack(ctx context.Context, room *ent.Room, p *livekit.Participant) error {
	joined, err := s.live.IsInside(ctx, room.ID, p.ID(), p.SID)
	if err != nil || joined {
		return err
	}
	sender, err := s.livekit.Participant(ctx, room.ID.String(), p.Identity)
	if fault.Is(err, fault.NotFound) {
		return nil
	}
	if err != nil {
		return err
	}
	return s.judge(ctx, room, sender)
}

// receiveForNoRoom removes a participant who joins a room that was deleted. Rooms of others, such as another Foyer on
// the same LiveKit, may have such names too: their participants have no token of this deployment.
func (s *Service) receiveForNoRoom(ctx context.Context, e *livekit.Event) error {
	if e.Kind != livekit.ParticipantJoined || e.Participant == nil || !s.livekit.Made(e.Participant) {
		return nil
	}
	return s.livekit.RemoveParticipant(ctx, e.Room, e.Participant.Identity)
}
