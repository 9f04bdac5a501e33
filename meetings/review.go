package meetings

import (
	"context"
	"log/slog"
	"maps"

	"github.com/google/uuid"

	"foyer/ent"
	"foyer/internal/live"
	"foyer/internal/livekit"
	"foyer/lobby"
)

// review makes a meeting follow the rules of this moment: people who may not be there are removed, and everybody else
// gets their role and permission. It returns the outcome for each, and how many are inside afterwards.
func (s *Service) review(ctx context.Context, room *ent.Room) (results []*Result, inside int, err error) {
	meeting, err := s.live.Meeting(ctx, room.ID)
	if err != nil {
		return nil, 0, err
	}
	return s.reviewSince(ctx, room, meeting.Version)
}

// reviewSince is review by a caller who has read the meeting. When it has changed since that version, the count of the
// people inside stays as it is.
func (s *Service) reviewSince(
	ctx context.Context, room *ent.Room, version int,
) (results []*Result, inside int, err error) {
	people, verdicts, err := s.inside(ctx, room)
	if err != nil {
		return nil, 0, err
	}
	results = s.enforceAll(ctx, room.ID, people, verdicts)
	stay := map[uuid.UUID]live.Connection{}
	for i, p := range people {
		if (results[i].Outcome == Done || results[i].Outcome == Failed) && counts(p) && p.Joined {
			stay[p.ID()] = live.Connection{ID: p.SID, Since: p.JoinedAt}
		}
	}
	return results, len(stay), s.live.Align(ctx, room.ID, version, stay)
}

// counts reports whether a participant counts as inside: everybody and everything except recorders.
func counts(p *livekit.Participant) bool { return p.Kind != livekit.Recorder }

// enforceTries bounds how often a participant is judged again because of concurrent changes.
const enforceTries = 3

// enforceAll makes participants follow the rules, and returns the outcome for each. Of two concurrent changes each
// sends what it has read, and LiveKit may get the older one last. So every participant who was changed is judged
// again, by what is stored then.
func (s *Service) enforceAll(
	ctx context.Context, roomID uuid.UUID, people []*livekit.Participant, verdicts []lobby.Verdict,
) []*Result {
	results, at := make([]*Result, len(people)), make([]int, len(people))
	for i := range at {
		at[i] = i
	}
	for range enforceTries {
		changed := make([]bool, len(people))
		for i, r := range forEach(ctx, people, func(ctx context.Context, i int) (outcome Outcome, err error) {
			outcome, changed[i], err = s.enforce(ctx, people[i], verdicts[i])
			return outcome, err
		}) {
			results[at[i]] = r
		}
		var retry []*livekit.Participant
		var retryAt []int
		for i, p := range people {
			if changed[i] {
				retry, retryAt = append(retry, p), append(retryAt, at[i])
			}
		}
		if people, at = retry, retryAt; len(people) == 0 {
			break
		}
		var err error
		if verdicts, err = s.currentVerdicts(ctx, roomID, people); err != nil {
			slog.WarnContext(ctx, "cannot judge people in a meeting again", "room", roomID, "err", err)
			break
		}
	}
	return results
}

// currentVerdicts judges participants by the room as it is stored now.
func (s *Service) currentVerdicts(
	ctx context.Context, roomID uuid.UUID, people []*livekit.Participant,
) ([]lobby.Verdict, error) {
	room, err := s.rooms.ByID(ctx, roomID)
	if err != nil {
		return nil, err
	}
	return s.verdicts(ctx, room, people)
}

// verdicts judges participants whom LiveKit lists. People whose admission Redis has lost get it back.
func (s *Service) verdicts(
	ctx context.Context, room *ent.Room, people []*livekit.Participant,
) ([]lobby.Verdict, error) {
	ids := make([]uuid.UUID, len(people))
	for i, p := range people {
		ids[i] = p.ID()
	}
	verdicts, err := s.lobby.Judge(ctx, room, ids...)
	if err != nil {
		return nil, err
	}
	back, err := s.lobby.Readmit(ctx, room.ID, claimants(people, verdicts)...)
	if err == nil && back {
		verdicts, err = s.lobby.Judge(ctx, room, ids...)
	}
	if err != nil {
		return nil, err
	}
	for i := range verdicts {
		verdicts[i] = complete(verdicts[i], people[i])
	}
	return verdicts, nil
}

// claimants returns the people who may not be in a meeting as far as Redis knows.
func claimants(people []*livekit.Participant, verdicts []lobby.Verdict) []lobby.Claimant {
	var all []lobby.Claimant
	for i, p := range people {
		if v := verdicts[i]; p.Kind == livekit.Person && v.Refused != nil && !v.Banned {
			c := lobby.Claimant{ID: p.ID()}
			if p.Attributes[livekit.AttributeIsAuthenticated] == "false" {
				c.UserID = &uuid.UUID{}
			}
			all = append(all, c)
		}
	}
	return all
}

// inside returns everybody in a room's meeting, with the verdict on each.
func (s *Service) inside(
	ctx context.Context, room *ent.Room,
) ([]*livekit.Participant, []lobby.Verdict, error) {
	people, err := s.livekit.Participants(ctx, room.ID.String())
	if err != nil {
		return nil, nil, err
	}
	verdicts, err := s.verdicts(ctx, room, people)
	return people, verdicts, err
}

// enforce makes a participant follow the rules, and reports whether it has changed them; p has the changes then. A
// participant who has not joined yet is judged as one who joins. One without a pass (a person whose pass Redis has
// lost, or anything that joins without one) stays, unless they are banned or are a second connection. A host's grant
// for LiveKit's own API ends only with the connection, so a person who is not a host any more has to come back.
func (s *Service) enforce(
	ctx context.Context, p *livekit.Participant, v lobby.Verdict,
) (outcome Outcome, changed bool, err error) {
	room := v.Join.Room
	if !p.Joined && !mayJoin(p, v) {
		return Removed, false, s.livekit.RemoveParticipant(ctx, room, p.Identity)
	}
	if !v.Known {
		return s.enforceWithoutPass(ctx, p, v)
	}
	grantOutlives := s.settings.HostsAreRoomAdmins &&
		livekit.IsHost(p.Role()) && !livekit.IsHost(v.Join.Role)
	if v.Refused != nil || grantOutlives {
		return Removed, false, s.livekit.RemoveParticipant(ctx, room, p.Identity)
	}
	change := livekit.Change{Attributes: missing(p.Attributes, s.livekit.Attributes(v.Join))}
	return s.change(ctx, p, v, change, s.livekit.Permission(v.Join))
}

// enforceWithoutPass is enforce for a participant without a pass, who gets what hosts have decided.
func (s *Service) enforceWithoutPass(
	ctx context.Context, p *livekit.Participant, v lobby.Verdict,
) (outcome Outcome, changed bool, err error) {
	if v.Banned || p.Second() {
		return Removed, false, s.livekit.RemoveParticipant(ctx, v.Join.Room, p.Identity)
	}
	return s.change(ctx, p, v, livekit.Change{}, lobby.Override(p.Permission, v.Restrictions))
}

// change sends a change to LiveKit, together with a name that a host has given and a permission, as far as they differ
// from the participant's.
func (s *Service) change(
	ctx context.Context, p *livekit.Participant, v lobby.Verdict, change livekit.Change, wanted livekit.Permission,
) (outcome Outcome, changed bool, err error) {
	if !p.Permission.Equal(wanted) {
		change.Permission = &wanted
	}
	if v.Renamed && p.Name != *v.Restrictions.Name {
		change.Name = *v.Restrictions.Name
	}
	if change.Name == "" && change.Permission == nil && len(change.Attributes) == 0 {
		return Done, false, nil
	}
	if err := s.livekit.Update(ctx, v.Join.Room, p, change); err != nil {
		return Done, false, err
	}
	*p = *after(p, change)
	return Done, true, nil
}

// missing returns the wanted attributes that a participant does not have.
func missing(has, wanted map[string]string) map[string]string {
	wanted = maps.Clone(wanted)
	maps.DeleteFunc(wanted, func(name, value string) bool { return has[name] == value })
	return wanted
}
