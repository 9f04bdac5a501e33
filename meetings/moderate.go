package meetings

import (
	"cmp"
	"context"
	"fmt"
	"slices"

	"github.com/google/uuid"

	"foyer/ent"
	"foyer/ent/auditevent"
	"foyer/ent/schema"
	"foyer/internal/fault"
	"foyer/internal/live"
	"foyer/internal/livekit"
	"foyer/lobby"
	"foyer/rooms"
)

// MuteInput names what to silence: exactly one of a track and a source.
type MuteInput struct {
	RoomID        uuid.UUID
	ParticipantID livekit.Identity
	TrackSid      *string
	Source        *schema.PublishSource
	// Ticket is that of somebody in the call who is no host.
	Ticket *string
}

// Muted are tracks that are silent now.
type Muted struct {
	ParticipantID livekit.Identity
	Tracks        []livekit.Track
}

// Mute silences a participant, who may speak up again himself. For hosts and, where the room says so,
// for everybody in the call; those may not mute hosts. NotFound when the participant is not there, or
// does not send that track.
func (s *Service) Mute(ctx context.Context, in MuteInput) (*Muted, error) {
	if (in.TrackSid == nil) == (in.Source == nil) {
		return nil, fault.New(fault.Invalid, "name a track or a source: exactly one of them")
	}
	a, err := s.muter(ctx, in)
	if err != nil {
		return nil, err
	}
	p, err := s.rtc.Participant(ctx, in.RoomID.String(), in.ParticipantID)
	if err != nil {
		return nil, err
	}
	if a.person.ID != uuid.Nil && livekit.IsHost(p.Role()) {
		return nil, fault.New(fault.Forbidden, "only hosts may mute a host")
	}
	tracks := in.of(p.Tracks)
	if in.TrackSid != nil && len(tracks) == 0 {
		return nil, fault.New(fault.NotFound, "the participant sends no such track").With("field", "trackSid")
	}
	if len(tracks) == 0 {
		return &Muted{ParticipantID: p.Identity}, nil
	}
	for i := range tracks {
		if err := s.mute(ctx, in.RoomID, p, tracks[i]); err != nil {
			return nil, err
		}
		tracks[i].Muted = true
	}
	s.rooms.WriteAudit(ctx, in.RoomID, rooms.Act{
		Action: auditevent.ActionMUTE, Actor: a.person, Target: named(p), Detail: sourcesOf(tracks),
	})
	return &Muted{p.Identity, tracks}, nil
}

// of returns those of a participant's tracks that are meant.
func (in MuteInput) of(tracks []livekit.Track) []livekit.Track {
	var meant []livekit.Track
	for _, track := range tracks {
		if in.TrackSid != nil && track.SID == *in.TrackSid ||
			in.Source != nil && track.Source == string(*in.Source) {
			meant = append(meant, track)
		}
	}
	return meant
}

func (s *Service) mute(
	ctx context.Context, roomID uuid.UUID, p *livekit.Participant, track livekit.Track,
) error {
	if track.Muted {
		return nil
	}
	return s.rtc.Mute(ctx, roomID.String(), p.Identity, track.SID)
}

// muter returns who may mute: a host, or the holder of a ticket who is really in the call.
func (s *Service) muter(ctx context.Context, in MuteInput) (*actor, error) {
	a, err := s.host(ctx, in.RoomID)
	if err == nil || in.Ticket == nil || !refused(err) {
		return a, err
	}
	room, err := s.rooms.ByID(ctx, in.RoomID)
	if err != nil {
		return nil, err
	}
	caller, err := s.caller(ctx, room, *in.Ticket)
	if err != nil {
		return nil, err
	}
	if !room.EveryoneCanMute {
		return nil, fault.New(fault.Forbidden, "only hosts may mute others in this room")
	}
	return &actor{room: room, role: caller.Role, person: caller.Person}, nil
}

// refused reports whether an error is about the viewer's rights.
func refused(err error) bool {
	return fault.Is(err, fault.Forbidden) || fault.Is(err, fault.Unauthenticated)
}

// MuteAllInput says what everybody is to stop sending.
type MuteAllInput struct {
	RoomID uuid.UUID
	// Source is the microphone when nil.
	Source *schema.PublishSource
}

// MuteAll silences everybody in a call but its hosts, for a host, and returns what became of each.
func (s *Service) MuteAll(ctx context.Context, in MuteAllInput) ([]*Result, error) {
	a, err := s.host(ctx, in.RoomID)
	if err != nil {
		return nil, err
	}
	source := schema.Microphone
	if in.Source != nil {
		source = *in.Source
	}
	people, standings, err := s.inside(ctx, a.room)
	if err != nil {
		return nil, err
	}
	others := people[:0]
	for i, p := range people {
		if counts(p) && !rooms.IsHost(standings[i].Role) {
			others = append(others, p)
		}
	}
	results := forEach(ctx, others, func(ctx context.Context, i int) (Outcome, error) {
		for _, track := range others[i].Tracks {
			if track.Source == string(source) {
				if err := s.mute(ctx, in.RoomID, others[i], track); err != nil {
					return Failed, err
				}
			}
		}
		return Done, nil
	})
	s.recordAll(ctx, in.RoomID, auditevent.ActionMUTE, string(source), results)
	return results, nil
}

// recordAll stores what was done to many: those whom it reached.
func (s *Service) recordAll(
	ctx context.Context, roomID uuid.UUID, action auditevent.Action, detail string, results []*Result,
) {
	var acts []rooms.Act
	for _, r := range results {
		if r.Outcome == Done || r.Outcome == Removed {
			acts = append(acts, rooms.Act{
				Action: action, Target: rooms.Person{ID: r.ParticipantID.ID(), Name: r.Name}, Detail: detail,
			})
		}
	}
	s.rooms.WriteAudit(ctx, roomID, acts...)
}

// RemoveInput names somebody to remove, and for how long he is to stay away.
type RemoveInput struct {
	RoomID        uuid.UUID
	ParticipantID livekit.Identity
	// Ban is none when nil.
	Ban *rooms.BanScope
}

// Remove disconnects somebody, for a host, on every device of his account. His token and his admission
// are void; without a ban he may ask again, or walk in where the room lets him. What is decided holds
// also when LiveKit is Unavailable: to do it again is fine.
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
		// LiveKit lists neither people who are just joining nor those who are hidden by its own API.
		err = s.rtc.RemoveParticipant(ctx, in.RoomID.String(), out.identity)
	}
	return results, err
}

// listed reports whether a participant is among those to whom something was done.
func listed(results []*Result, identity livekit.Identity) bool {
	return slices.ContainsFunc(results, func(r *Result) bool { return r.ParticipantID == identity })
}

// keepOut ends people's right to be in a room, for as long as a ban says (nil: until they are let in again).
// Every ban is made here. The caller has asked whether the viewer may, and disconnects them then.
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

// disconnect ends every connection of some people, and the passes of their other devices.
func (s *Service) disconnect(
	ctx context.Context, room *ent.Room, out ...rooms.Person,
) ([]*Result, error) {
	people, standings, err := s.inside(ctx, room)
	if err != nil {
		return nil, err
	}
	keys, expelled := map[uuid.UUID]bool{}, map[uuid.UUID]bool{}
	for _, p := range out {
		keys[p.Key()], expelled[p.ID] = true, true
	}
	theirs, are := people[:0], standings[:0]
	for i, p := range people {
		if keys[standings[i].Person.Key()] {
			theirs, are = append(theirs, p), append(are, standings[i])
		}
	}
	return forEach(ctx, theirs, func(ctx context.Context, i int) (Outcome, error) {
		if !expelled[are[i].ID] {
			if err := s.live.Expel(ctx, room.ID, are[i].ID, are[i].UserID); err != nil {
				return Failed, err
			}
		}
		return Removed, s.rtc.RemoveParticipant(ctx, room.ID.String(), theirs[i].Identity)
	}), nil
}

// DenyInput names one guest who waits for a room, and how long the guest is to stay away.
type DenyInput struct {
	RoomID  uuid.UUID
	EntryID uuid.UUID
	// Ban is none when nil.
	Ban *rooms.BanScope
}

// Deny turns a waiting guest away, for a host, and bans the guest if asked to. The first decision stands, as with
// lobby.Admit. A ban holds in any case: a guest who is in the call by then is disconnected, on every device of
// the account. What is decided holds also when LiveKit is Unavailable: to do it again is fine.
func (s *Service) Deny(ctx context.Context, in DenyInput) (*live.Entry, error) {
	which := lobby.DecideInput{RoomID: in.RoomID, EntryID: in.EntryID}
	if in.Ban == nil || *in.Ban == rooms.NoBan {
		return s.lobby.Deny(ctx, which)
	}
	standing, err := s.rooms.RoomFor(ctx, in.RoomID, rooms.DecideEntries)
	if err != nil {
		return nil, err
	}
	guest, err := s.lobby.Bannable(ctx, which)
	if err != nil {
		return nil, err
	}
	ctx = context.WithoutCancel(ctx)
	if err := s.keepOut(ctx, standing.Room, in.Ban, guest); err != nil {
		return nil, err
	}
	entry, denied := s.lobby.Deny(ctx, which) // also where another decision stands the ban holds
	results, err := s.disconnect(ctx, standing.Room, guest)
	if err == nil {
		err = failure(results)
	}
	return entry, cmp.Or(denied, err)
}

// DenyAllInput names guests who wait for a room, and how long they are to stay away.
type DenyAllInput struct {
	RoomID uuid.UUID
	// EntryIds is everybody who waits when nil.
	EntryIds []uuid.UUID
	// Ban is none when nil.
	Ban *rooms.BanScope
}

// DenyAll is Deny for several guests, or for everybody who waits. It returns those who are denied by then. Hosts among
// them are not banned.
func (s *Service) DenyAll(ctx context.Context, in DenyAllInput) ([]*live.Entry, error) {
	standing, err := s.rooms.RoomFor(ctx, in.RoomID, rooms.DecideEntries)
	if err != nil {
		return nil, err
	}
	denied, people, err := s.lobby.DenyAll(ctx, lobby.AdmitAllInput{RoomID: in.RoomID, EntryIds: in.EntryIds})
	if err != nil || len(people) == 0 || in.Ban == nil || *in.Ban == rooms.NoBan {
		return denied, err
	}
	ctx = context.WithoutCancel(ctx)
	if err := s.keepOut(ctx, standing.Room, in.Ban, people...); err != nil {
		return nil, err
	}
	results, err := s.disconnect(ctx, standing.Room, people...)
	if err == nil {
		err = failure(results)
	}
	return denied, err
}

// ParticipantInput names one participant.
type ParticipantInput struct {
	RoomID        uuid.UUID
	ParticipantID livekit.Identity
}

// ReturnToLobby disconnects somebody, for a host, and has him wait in the lobby, whatever the rules
// say, until a host admits him or the meeting ends. His ticket brings him back to his entry. Conflict for
// a host, who would admit himself.
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
		ID: out.ID, RoomID: in.RoomID, DisplayName: out.Name, Color: livekit.Color(out.UserID, out.ID), UserID: out.UserID,
	})
	if err != nil {
		return nil, err
	}
	s.rooms.WriteAudit(ctx, in.RoomID, rooms.Act{
		Action: auditevent.ActionRETURN_TO_LOBBY, Target: out.Person,
	})
	if err := s.rtc.RemoveParticipant(ctx, in.RoomID.String(), out.identity); err != nil || out.UserID == uuid.Nil {
		return entry, err
	}
	_, err = s.follow(ctx, a.room, out.UserID) // on his other devices
	return entry, err
}

// named is a participant as the audit names him.
func named(p *livekit.Participant) rooms.Person { return rooms.Person{ID: p.ID(), Name: p.Name} }

// sourcesOf names what was muted.
func sourcesOf(tracks []livekit.Track) string {
	text := ""
	for i, track := range tracks {
		if i > 0 {
			text += ", "
		}
		text += fmt.Sprintf("%s %s", track.Source, track.SID)
	}
	return text[:min(len(text), 1000)]
}
