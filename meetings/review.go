package meetings

import (
	"context"
	"log/slog"
	"maps"
	"time"

	"github.com/google/uuid"
	"golang.org/x/sync/errgroup"

	"foyer/ent"
	"foyer/internal/fault"
	"foyer/internal/live"
	"foyer/internal/livekit"
	"foyer/lobby"
)

const (
	// fanOut is how many calls of LiveKit one request makes at a time, fanOutTimeout how long they may
	// take in all: an answer that says who was not reached is better than none.
	fanOut        = 16
	fanOutTimeout = 10 * time.Second
)

// Outcome is what became of one person.
type Outcome string

// Every outcome.
const (
	// Done: it is as was asked, by now or since before.
	Done Outcome = "DONE"
	// Removed: he may no longer be in the call, and was disconnected.
	Removed Outcome = "REMOVED"
	// Gone: he had left.
	Gone Outcome = "GONE"
	// Failed: LiveKit did not do it; asking again is fine.
	Failed Outcome = "FAILED"
)

// Result is what became of one person when something was done to many.
type Result struct {
	ParticipantID livekit.Identity
	Name          string
	Outcome       Outcome
	// Code is the API's code of what went wrong, nil unless Failed.
	Code *string
	// err is what went wrong.
	err error
}

func anyFailed(results []*Result) bool { return failure(results) != nil }

// failure returns what went wrong with the first of those with whom something did.
func failure(results []*Result) error {
	for _, r := range results {
		if r.Outcome == Failed {
			return r.err
		}
	}
	return nil
}

// forEach does something to many people at once, and returns what became of each, in their order.
func forEach(
	ctx context.Context, people []*livekit.Participant,
	do func(context.Context, int) (Outcome, error),
) []*Result {
	ctx, cancel := context.WithTimeout(ctx, fanOutTimeout)
	defer cancel()
	results := make([]*Result, len(people))
	var group errgroup.Group
	group.SetLimit(fanOut)
	for i, p := range people {
		group.Go(func() error {
			outcome, err := do(ctx, i)
			results[i] = result(ctx, p, outcome, err)
			return nil
		})
	}
	_ = group.Wait()
	return results
}

func result(ctx context.Context, p *livekit.Participant, outcome Outcome, err error) *Result {
	r := &Result{ParticipantID: p.Identity, Name: p.Name, Outcome: outcome}
	switch {
	case fault.Is(err, fault.NotFound):
		r.Outcome = Gone
	case err != nil:
		slog.WarnContext(ctx, "LiveKit did not do what was asked", "participant", p.Identity, "err", err)
		code := codeOf(err)
		r.Outcome, r.Code, r.err = Failed, &code, err
	}
	return r
}

// review makes a call follow the rules of this moment: people who may not be there are removed, and everybody else gets
// their role and permission. It returns the outcome for each, and how many are in the call afterwards.
func (s *Service) review(ctx context.Context, room *ent.Room) (results []*Result, inside int, err error) {
	meeting, err := s.live.Meeting(ctx, room.ID)
	if err != nil {
		return nil, 0, err
	}
	people, standings, err := s.inside(ctx, room)
	if err != nil {
		return nil, 0, err
	}
	results = s.settle(ctx, room.ID, people, standings)
	stay := map[uuid.UUID]live.Connection{}
	for i, p := range people {
		if (results[i].Outcome == Done || results[i].Outcome == Failed) && counts(p) && p.Joined {
			stay[p.ID()] = live.Connection{ID: p.SID, Since: p.JoinedAt}
		}
	}
	return results, len(stay), s.live.Align(ctx, room.ID, meeting.Version, stay)
}

// counts reports whether a participant is one of those who meet: everybody and everything but what records.
func counts(p *livekit.Participant) bool { return p.Kind != livekit.Recorder }

// settleTries bounds how often somebody is looked at whom more than one change concerns.
const settleTries = 3

// settle makes people in a call what they are by the rules, and returns what became of each. Of two
// changes at once each carries what it knows, and LiveKit may hear of the older one last. So whoever
// was changed is looked at again, by what is stored then.
func (s *Service) settle(
	ctx context.Context, roomID uuid.UUID, people []*livekit.Participant, standings []lobby.Standing,
) []*Result {
	results, at := make([]*Result, len(people)), make([]int, len(people))
	for i := range at {
		at[i] = i
	}
	for range settleTries {
		touched := make([]bool, len(people))
		for i, r := range forEach(ctx, people, func(ctx context.Context, i int) (Outcome, error) {
			outcome, changed, err := s.enforce(ctx, people[i], standings[i])
			touched[i] = changed
			return outcome, err
		}) {
			results[at[i]] = r
		}
		var again []*livekit.Participant
		var atAgain []int
		for i, p := range people {
			if touched[i] {
				again, atAgain = append(again, p), append(atAgain, at[i])
			}
		}
		if people, at = again, atAgain; len(people) == 0 {
			break
		}
		var err error
		if standings, err = s.standings(ctx, roomID, people); err != nil {
			slog.WarnContext(ctx, "cannot look again at people in a call", "room", roomID, "err", err)
			break
		}
	}
	return results
}

// standings returns what people in a room's call are by the rules of this moment.
func (s *Service) standings(
	ctx context.Context, roomID uuid.UUID, people []*livekit.Participant,
) ([]lobby.Standing, error) {
	room, err := s.rooms.ByID(ctx, roomID)
	if err != nil {
		return nil, err
	}
	return s.judged(ctx, room, people)
}

// judged is lobby.Standings of participants whom LiveKit lists. Those whose admission Redis has lost get it back.
func (s *Service) judged(
	ctx context.Context, room *ent.Room, people []*livekit.Participant,
) ([]lobby.Standing, error) {
	ids := make([]uuid.UUID, len(people))
	for i, p := range people {
		ids[i] = p.ID()
	}
	standings, err := s.lobby.Standings(ctx, room, ids...)
	if err != nil {
		return nil, err
	}
	back, err := s.lobby.Readmit(ctx, room.ID, claimants(people, standings)...)
	if err == nil && back {
		standings, err = s.lobby.Standings(ctx, room, ids...)
	}
	if err != nil {
		return nil, err
	}
	for i := range standings {
		standings[i] = complete(standings[i], people[i])
	}
	return standings, nil
}

// claimants returns the people who may not be in a call as far as Redis knows.
func claimants(people []*livekit.Participant, standings []lobby.Standing) []lobby.Claimant {
	var all []lobby.Claimant
	for i, p := range people {
		if is := standings[i]; p.Kind == livekit.Person && is.Refused != nil && !is.Banned {
			c := lobby.Claimant{ID: p.ID()}
			if p.Attributes[livekit.AttributeIsAuthenticated] == "false" {
				c.UserID = &uuid.UUID{}
			}
			all = append(all, c)
		}
	}
	return all
}

// inside returns who is in a room's call, with what each of them is by the rules.
func (s *Service) inside(
	ctx context.Context, room *ent.Room,
) ([]*livekit.Participant, []lobby.Standing, error) {
	people, err := s.rtc.Participants(ctx, room.ID.String())
	if err != nil {
		return nil, nil, err
	}
	standings, err := s.judged(ctx, room, people)
	return people, standings, err
}

// enforce makes a participant follow the rules, and reports whether anything was changed; p has the changes
// then. A participant who has not joined yet is judged as one who joins. Whoever has no pass stays, unless a ban says
// otherwise or it is a second connection, and gets what hosts have decided: a person whose pass Redis has lost, and
// everything that enters without one. A host's grant for LiveKit's own API ends only with the connection; so whoever
// is no host any more has to come back.
func (s *Service) enforce(
	ctx context.Context, p *livekit.Participant, is lobby.Standing,
) (outcome Outcome, touched bool, err error) {
	room := is.Join.Room
	if !p.Joined && !mayJoin(p, is) {
		return Removed, false, s.rtc.RemoveParticipant(ctx, room, p.Identity)
	}
	if !is.Known {
		return s.enforceDecided(ctx, p, is)
	}
	grantOutlives := s.settings.HostsAreRoomAdmins &&
		livekit.IsHost(p.Role()) && !livekit.IsHost(is.Join.Role)
	if is.Refused != nil || grantOutlives {
		return Removed, false, s.rtc.RemoveParticipant(ctx, room, p.Identity)
	}
	change := livekit.Change{Attributes: missing(p.Attributes, s.rtc.Attributes(is.Join))}
	return s.change(ctx, room, p, is, change, s.rtc.Permission(is.Join))
}

// enforceDecided is enforce for a participant without a pass.
func (s *Service) enforceDecided(
	ctx context.Context, p *livekit.Participant, is lobby.Standing,
) (outcome Outcome, touched bool, err error) {
	if is.Banned || p.Second() {
		return Removed, false, s.rtc.RemoveParticipant(ctx, is.Join.Room, p.Identity)
	}
	return s.change(ctx, is.Join.Room, p, is, livekit.Change{}, lobby.Override(is.Restrictions, p.Permission))
}

// change carries a change to LiveKit, together with a name that a host has given and a permission, where they
// differ from what the participant has.
func (s *Service) change(
	ctx context.Context, room string, p *livekit.Participant, is lobby.Standing, change livekit.Change,
	wanted livekit.Permission,
) (outcome Outcome, touched bool, err error) {
	if !p.Permission.Equal(wanted) {
		change.Permission = &wanted
	}
	if is.Renamed && p.Name != *is.Restrictions.Name {
		change.Name = *is.Restrictions.Name
	}
	if change.Name == "" && change.Permission == nil && len(change.Attributes) == 0 {
		return Done, false, nil
	}
	if err := s.rtc.Update(ctx, room, p, change); err != nil {
		return Done, false, err
	}
	*p = *changed(p, change)
	return Done, true, nil
}

// missing returns what of the wanted attributes a participant does not have.
func missing(has, wanted map[string]string) map[string]string {
	wanted = maps.Clone(wanted)
	maps.DeleteFunc(wanted, func(name, value string) bool { return has[name] == value })
	return wanted
}
