package meetings

import (
	"context"
	"slices"

	"github.com/google/uuid"

	"foyer/ent"
	"foyer/ent/auditevent"
	"foyer/internal/fault"
	"foyer/internal/live"
	"foyer/internal/livekit"
	"foyer/rooms"
)

// RemoveInput names a participant to remove, and how long they are banned.
type RemoveInput struct {
	RoomID        uuid.UUID
	ParticipantID livekit.Identity
	// Ban is none when nil.
	Ban *rooms.BanScope
}

// Remove disconnects a participant, for a host, on every device of their account. Their token and admission are void;
// without a ban they may ask again, or walk in if the room lets them. The decision is in force even when LiveKit is
// Unavailable: repeating is safe.
func (s *Service) Remove(ctx context.Context, in RemoveInput) ([]*Result, error) {
	a, err := s.host(ctx, in.RoomID)
	if err != nil {
		return nil, err
	}
	out, err := s.target(ctx, a, in.ParticipantID)
	if err != nil {
		return nil, err
	}
	ctx = context.WithoutCancel(ctx)
	if err := s.keepOut(ctx, a.room, in.Ban, out.Person); err != nil {
		return nil, err
	}
	s.rooms.WriteAudit(ctx, in.RoomID, rooms.Act{Action: auditevent.ActionREMOVE, Target: out.Person})
	results, err := s.disconnect(ctx, a.room, out.Person)
	if err == nil && !listed(results, out.identity) {
		// LiveKit lists neither people who are just joining nor participants whom its own API hides.
		err = s.livekit.RemoveParticipant(ctx, in.RoomID.String(), out.identity)
	}
	return results, err
}

// listed reports whether a participant is among the results.
func listed(results []*Result, identity livekit.Identity) bool {
	return slices.ContainsFunc(results, func(r *Result) bool { return r.ParticipantID == identity })
}

// keepOut ends people's right to be in a room, for as long as the ban says (nil: until they are admitted again). Every
// ban is made here. The caller has checked the viewer's right, and disconnects the people afterwards.
func (s *Service) keepOut(
	ctx context.Context, room *ent.Room, ban *rooms.BanScope, people ...rooms.Person,
) error {
	banned := ban != nil && *ban != rooms.NoBan
	for _, p := range people {
		if banned {
			if err := s.rooms.Ban(ctx, room.ID, p, *ban); err != nil {
				return err
			}
		}
	}
	if banned {
		if err := s.lobby.TurnAway(ctx, room.ID, people...); err != nil {
			return err
		}
	}
	for _, p := range people {
		if err := s.live.Expel(ctx, room.ID, p.ID, p.UserID); err != nil {
			return err
		}
	}
	return nil
}

// disconnect ends every connection of some people, and makes the passes of their other devices void.
func (s *Service) disconnect(
	ctx context.Context, room *ent.Room, out ...rooms.Person,
) ([]*Result, error) {
	people, verdicts, err := s.inside(ctx, room)
	if err != nil {
		return nil, err
	}
	keys, expelled := map[uuid.UUID]bool{}, map[uuid.UUID]bool{}
	for _, p := range out {
		keys[p.Key()], expelled[p.ID] = true, true
	}
	theirs, holders := people[:0], verdicts[:0]
	for i, p := range people {
		if keys[verdicts[i].Person.Key()] {
			theirs, holders = append(theirs, p), append(holders, verdicts[i])
		}
	}
	return forEach(ctx, theirs, func(ctx context.Context, i int) (Outcome, error) {
		if !expelled[holders[i].ID] {
			if err := s.live.Expel(ctx, room.ID, holders[i].ID, holders[i].UserID); err != nil {
				return Failed, err
			}
		}
		return Removed, s.livekit.RemoveParticipant(ctx, room.ID.String(), theirs[i].Identity)
	}), nil
}

// ParticipantInput names one participant.
type ParticipantInput struct {
	RoomID        uuid.UUID
	ParticipantID livekit.Identity
}

// ReturnToLobby disconnects a person, for a host. They wait in the lobby, whatever the rules say, until a host admits
// them or the meeting ends. Their ticket brings them back to their entry. Conflict for a host, who would admit
// themselves.
func (s *Service) ReturnToLobby(ctx context.Context, in ParticipantInput) (*live.Entry, error) {
	a, err := s.host(ctx, in.RoomID)
	if err != nil {
		return nil, err
	}
	out, err := s.target(ctx, a, in.ParticipantID)
	if err != nil {
		return nil, err
	}
	if out.kind != livekit.Person {
		return nil, fault.New(fault.Conflict, "only people wait in the lobby: remove this participant instead")
	}
	if rooms.IsHost(out.Role) {
		return nil, fault.New(fault.Conflict, "hosts do not wait: make this person a member first")
	}
	ctx = context.WithoutCancel(ctx)
	entry, err := s.live.Hold(ctx, &live.Entry{
		ID: out.ID, RoomID: in.RoomID, DisplayName: out.Name, UserID: out.UserID,
		Color: livekit.Color(out.UserID, out.ID),
	})
	if err != nil {
		return nil, err
	}
	s.rooms.WriteAudit(ctx, in.RoomID, rooms.Act{
		Action: auditevent.ActionRETURN_TO_LOBBY, Target: out.Person,
	})
	err = s.livekit.RemoveParticipant(ctx, in.RoomID.String(), out.identity)
	if err != nil || out.UserID == uuid.Nil {
		return entry, err
	}
	_, err = s.enforceUser(ctx, a.room, out.UserID) // on their other devices
	return entry, err
}

// named is a participant as the audit names them.
func named(p *livekit.Participant) rooms.Person { return rooms.Person{ID: p.ID(), Name: p.Name} }
