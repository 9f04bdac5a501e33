package live

import (
	"context"
	"fmt"
	"slices"
	"time"

	"github.com/google/uuid"
)

// Pass is what Foyer remembers about an issued token: who has it, and why. LiveKit cannot revoke a token, so everybody
// who joins with one is judged by the rules of that moment.
type Pass struct {
	// ID is the person's identity, and the id of their entry.
	ID uuid.UUID
	// UserID is zero for a person without an account.
	UserID uuid.UUID
	Name   string
	// ByRule: the rules have admitted them, not a host.
	ByRule bool
	// Proved: they were signed in as that user. A ticket alone brings no role.
	Proved bool
	// Known is false when there is no pass.
	Known bool
	// Valid: no host has ended the meeting since, or removed them.
	Valid bool
	// Admitted: a host's admission is valid.
	Admitted bool
	// Held: a host has returned them to the lobby.
	Held         bool
	Restrictions Restrictions
}

// Issued is the result of issuing a pass.
type Issued struct {
	// Held: there is no pass, since a host has returned the person to the lobby.
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

// maxPasses is how many passes one script reads.
const maxPasses = 500

// Passes returns the passes of people in a meeting, in the order of their identities. It takes a round trip for each
// maxPasses of them.
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
				s.logDamaged(err) // it counts as none
			}
			all = append(all, p)
		}
	}
	return all, nil
}

// passValues is how many values the script passes returns of each pass.
const passValues = 9

// parsePass reads one of the passes that the script passes returns.
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
	// An admission ends Held, so an admission beside it is older.
	p.Admitted = !p.Held && Status(text(4)) == Admitted && text(5) == ""
	p.Name = text(8)
	if p.Restrictions.Name != nil {
		p.Name = *p.Restrictions.Name
	}
	return p, nil
}

// Admission is a host's admission that Redis may have lost.
type Admission struct {
	ID uuid.UUID
	// UserID is the account, zero for a person without one; nil when that is not known.
	UserID      *uuid.UUID
	Name, Color string
	// At is when the host decided.
	At time.Time
}

// ReadmittedFor is how long an admission can be brought back. A meeting that nobody ended ends only the admissions that
// are older than MeetingGrace.
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
		return false, unavailable(err)
	}
	return done, nil
}
