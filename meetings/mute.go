package meetings

import (
	"context"
	"fmt"

	"github.com/google/uuid"

	"foyer/ent/auditevent"
	"foyer/ent/schema"
	"foyer/internal/fault"
	"foyer/internal/livekit"
	"foyer/rooms"
)

// MuteInput names what to mute: exactly one of a track and a source.
type MuteInput struct {
	RoomID        uuid.UUID
	ParticipantID livekit.Identity
	TrackSid      *string
	Source        *schema.PublishSource
	// Ticket is that of a person in the meeting who is not a host.
	Ticket *string
}

// Muted are tracks that are muted now.
type Muted struct {
	ParticipantID livekit.Identity
	Tracks        []livekit.Track
}

// Mute mutes a participant, who may unmute themselves. For hosts and, if the room says so, for everybody in the
// meeting, but these may not mute hosts. NotFound when the participant is not there, or does not send that track.
func (s *Service) Mute(ctx context.Context, in MuteInput) (*Muted, error) {
	if (in.TrackSid == nil) == (in.Source == nil) {
		return nil, fault.New(fault.Invalid, "name a track or a source: exactly one of them")
	}
	a, err := s.muter(ctx, in)
	if err != nil {
		return nil, err
	}
	p, err := s.livekit.Participant(ctx, in.RoomID.String(), in.ParticipantID)
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

// of returns the tracks of a participant that the input names.
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
	return s.livekit.Mute(ctx, roomID.String(), p.Identity, track.SID)
}

// muter returns the person who mutes: a host, or the holder of a ticket who is connected.
func (s *Service) muter(ctx context.Context, in MuteInput) (*actor, error) {
	a, err := s.host(ctx, in.RoomID)
	if err == nil || in.Ticket == nil || !refused(err) {
		return a, err
	}
	room, err := s.rooms.ByID(ctx, in.RoomID)
	if err != nil {
		return nil, err
	}
	holder, err := s.ticketHolder(ctx, room, *in.Ticket)
	if err != nil {
		return nil, err
	}
	if !room.EveryoneCanMute {
		return nil, fault.New(fault.Forbidden, "only hosts may mute others in this room")
	}
	return &actor{room: room, role: holder.Role, person: holder.Person}, nil
}

// refused reports whether an error is about the viewer's rights.
func refused(err error) bool {
	return fault.Is(err, fault.Forbidden) || fault.Is(err, fault.Unauthenticated)
}

// MuteAllInput says what to mute of everybody.
type MuteAllInput struct {
	RoomID uuid.UUID
	// Source is the microphone when nil.
	Source *schema.PublishSource
}

// MuteAll mutes everybody in a meeting except hosts, for a host, and returns the outcome for each.
func (s *Service) MuteAll(ctx context.Context, in MuteAllInput) ([]*Result, error) {
	a, err := s.host(ctx, in.RoomID)
	if err != nil {
		return nil, err
	}
	source := schema.Microphone
	if in.Source != nil {
		source = *in.Source
	}
	people, verdicts, err := s.inside(ctx, a.room)
	if err != nil {
		return nil, err
	}
	others := people[:0]
	for i, p := range people {
		if counts(p) && !rooms.IsHost(verdicts[i].Role) {
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
	s.auditAll(ctx, in.RoomID, auditevent.ActionMUTE, string(source), results)
	return results, nil
}

// auditAll stores what was done to many participants, as far as it was done.
func (s *Service) auditAll(
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

// sourcesOf names the tracks that were muted.
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
