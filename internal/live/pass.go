package live

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/google/uuid"
)

// Pass is what is remembered of a token: whose it is, and why it was made. LiveKit cannot revoke a
// token, so whoever enters with one is judged by what holds at that moment.
type Pass struct {
	// ID is the person's identity, and that of their entry.
	ID uuid.UUID
	// UserID is zero for a person without an account.
	UserID uuid.UUID
	Name   string
	// ByRule: the rules have let him in, not a host.
	ByRule bool
	// Proved: they were signed in as that user. A ticket alone brings no role.
	Proved bool
	// Known is false when there is no pass.
	Known bool
	// Valid: no host has ended the meeting since, nor removed them.
	Valid bool
	// Admitted: a host's admission is valid.
	Admitted bool
	// Held: a host has sent them back to the lobby.
	Held         bool
	Restrictions Restrictions
}

// Restrictions is what hosts have decided on one person until the meeting ends: it stands above the room's
// configuration. What is nil has not been decided.
type Restrictions struct {
	Name            *string
	Sources         *[]string
	Data, Subscribe *bool
}

// Issued is what became of issuing a pass.
type Issued struct {
	// Held: there is no pass, since a host has sent the person back to the lobby.
	Held         bool
	Restrictions Restrictions
}

// IssuePass remembers for whom a token is made, for at least ttl.
func (s *Service) IssuePass(
	ctx context.Context, roomID uuid.UUID, p Pass, ttl time.Duration,
) (Issued, error) {
	reply, err := s.run(ctx, passScript, roomID, p.ID.String(), userText(p.UserID),
		ttl.Milliseconds(), p.ByRule, p.Proved, p.Name)
	if err != nil {
		return Issued{}, err
	}
	return parseIssued(reply), nil
}

// parseIssued reads what the script function issue returns.
func parseIssued(reply any) Issued {
	list, _ := reply.([]any)
	if len(list) != 2 || list[0] != "OK" {
		return Issued{Held: true}
	}
	return Issued{Restrictions: parseRestrictions(list[1])}
}

// maxPasses is how many one script reads.
const maxPasses = 500

// Passes returns what is known of people in a call, in the order of their identities.
func (s *Service) Passes(
	ctx context.Context, roomID uuid.UUID, identities []uuid.UUID,
) ([]Pass, error) {
	all := make([]Pass, 0, len(identities))
	for ids := range slices.Chunk(identities, maxPasses) {
		args := make([]any, len(ids))
		for i, id := range ids {
			args[i] = id.String()
		}
		replies, err := s.run(ctx, passesScript, roomID, args...)
		if err != nil {
			return nil, err
		}
		for i, reply := range replies {
			p, err := parsePass(ids[i], reply)
			if err != nil {
				s.damaged(err) // it is as good as none
			}
			all = append(all, p)
		}
	}
	return all, nil
}

// passValues is how many values the script passes returns of each.
const passValues = 9

// parsePass reads one of what the script passes returns.
func parsePass(identity uuid.UUID, reply any) (Pass, error) {
	p := Pass{ID: identity}
	list, ok := reply.([]any)
	if !ok || len(list) != passValues {
		return p, fmt.Errorf("pass of %s: unexpected reply %T", identity, reply)
	}
	p.Restrictions = parseRestrictions(list[7])
	if list[3] == nil {
		return p, nil
	}
	text := func(i int) string { t, _ := list[i].(string); return t }
	userID, err := parseUser(text(0))
	if err != nil {
		return p, fmt.Errorf("pass of %s: %w", identity, err)
	}
	p.Known, p.UserID = true, userID
	p.ByRule, p.Proved, p.Valid = text(1) == "1", text(2) == "1", list[3] == int64(1)
	p.Held = list[6] == int64(1)
	// To admit somebody ends that he is held.
	p.Admitted = !p.Held && Status(text(4)) == Admitted && text(5) == ""
	p.Name = text(8)
	if p.Restrictions.Name != nil {
		p.Name = *p.Restrictions.Name
	}
	return p, nil
}

func parseRestrictions(reply any) Restrictions {
	var d Restrictions
	list, _ := reply.([]any)
	for i, value := range list {
		text, ok := value.(string)
		if !ok {
			continue
		}
		yes := text == "1"
		switch i {
		case 0:
			d.Name = &text
		case 1:
			sources := strings.FieldsFunc(text, func(r rune) bool { return r == ',' })
			d.Sources = &sources
		case 2:
			d.Data = &yes
		case 3:
			d.Subscribe = &yes
		}
	}
	return d
}

// AnyHeld reports whether a host has sent any of these back to the lobby.
func (s *Service) AnyHeld(ctx context.Context, roomID uuid.UUID, people []uuid.UUID) (bool, error) {
	keys := make([]string, len(people))
	for i, id := range people {
		keys[i] = id.String()
	}
	since, err := s.rdb.ZMScore(ctx, s.keys.held(roomID), keys...).Result()
	if err != nil {
		return false, away(err)
	}
	return slices.Max(since) > 0, nil
}

var readmitScript = script("readmit")

// Admission is one by a host that Redis may have lost.
type Admission struct {
	ID uuid.UUID
	// UserID is the account, zero for a person without one; nil when that is not known.
	UserID      *uuid.UUID
	Name, Color string
	// At is when the host decided.
	At time.Time
}

// ReadmittedFor is how long an admission can be brought back. A meeting that nobody ended ends the admissions that are
// older than MeetingGrace alone.
func (s *Service) ReadmittedFor() time.Duration {
	return min(s.settings.MeetingGrace, s.settings.AdmittedFor)
}

// Readmit brings one admission back, and reports whether it has.
func (s *Service) Readmit(ctx context.Context, roomID uuid.UUID, a Admission) (bool, error) {
	userID := uuid.Nil
	if a.UserID != nil {
		userID = *a.UserID
	}
	args := s.args(ctx, a.ID.String(), a.At.UnixMilli(), s.settings.AdmittedFor.Milliseconds(), a.UserID != nil,
		userText(userID), a.Name, a.Color)
	done, err := readmitScript.Run(ctx, s.rdb, s.key(roomID), args...).Bool()
	if err != nil {
		return false, away(err)
	}
	return done, nil
}
