package live

import (
	"context"
	"fmt"
	"log/slog"
	"strconv"
	"strings"
	"time"

	"github.com/google/uuid"

	"foyer/internal/fault"
)

// Places limits the places that a new entry may take in a lobby.
type Places struct {
	// Capacity is how many may wait for the room; 0 is any number.
	Capacity int
	// Whom is the user or network address that the entry counts for; empty for none.
	Whom string
	// PerWhom is how many places one user or address may take; 0 is any number.
	PerWhom int
}

// Enqueue adds an entry to the waiting list, or keeps it there for another lease, and returns the stored entry. An
// entry with an arrival goes back to its old place. A new entry is RateLimited when its places are taken, or while this
// user's denial is valid.
func (s *Service) Enqueue(ctx context.Context, e *Entry, places Places) (*Entry, error) {
	since := int64(0)
	if e.Arrival != 0 {
		since = e.Since.UnixMilli()
	}
	reply, err := s.run(ctx, requestScript, e.RoomID, e.ID.String(), e.DisplayName, e.Color,
		userText(e.UserID), s.Lease().Milliseconds(), places.Capacity, e.Arrival, since,
		places.Whom, places.PerWhom)
	if err != nil {
		return nil, err
	}
	switch reply[0] {
	case "OK":
		return parseView(e.RoomID, reply[1], s.settings.ShowPosition)
	case "FULL":
		return nil, fault.New(fault.RateLimited, "too many people wait for this room; try again later")
	case "CROWDED":
		return nil, fault.New(fault.RateLimited,
			"too many people from your network wait for this room; try again later")
	default:
		wait := time.Duration(reply[1].(int64)) * time.Millisecond
		return nil, fault.TooMany("a host has turned you away; you may ask again later", wait)
	}
}

// Reading is what Get does besides reading an entry. The zero Reading does nothing else.
type Reading struct {
	// Lease is for how long a waiting guest, who is here, counts as present.
	Lease time.Duration
	// PassTTL is how long the pass is remembered at least that Get issues to an admitted guest; 0 issues none.
	PassTTL time.Duration
	// UserID is the user that the guest has proved to be; zero for none.
	UserID uuid.UUID
}

// Get returns an entry as its guest sees it.
func (s *Service) Get(ctx context.Context, roomID, entryID uuid.UUID, with Reading) (*Entry, error) {
	reply, err := s.run(ctx, getScript, roomID, entryID.String(), with.Lease.Milliseconds(),
		with.PassTTL.Milliseconds(), userText(with.UserID))
	if err != nil {
		return nil, err
	}
	return parseView(roomID, reply, s.settings.ShowPosition)
}

// Decision moves an entry out of WAITING.
type Decision struct {
	To Status
	// ByRule: the rules admit, not a host.
	ByRule bool
}

// String names a decision for metrics.
func (d Decision) String() string {
	if d.ByRule {
		return "admitted_by_rule"
	}
	return strings.ToLower(string(d.To))
}

// validFor is how long a decision is valid.
func (s *Service) validFor(d Decision) time.Duration {
	switch d.To {
	case Admitted:
		return s.settings.AdmittedFor
	case Denied:
		return s.settings.DeniedFor
	default:
		return outcomeTTL
	}
}

// Decide moves entries (none: all) out of WAITING and returns them as they are afterwards. It leaves out unknown
// entries.
func (s *Service) Decide(
	ctx context.Context, roomID uuid.UUID, d Decision, entryIDs ...uuid.UUID,
) ([]*Entry, error) {
	args := []any{string(d.To), s.validFor(d).Milliseconds(), d.ByRule}
	for _, id := range entryIDs {
		args = append(args, id.String())
	}
	reply, err := s.run(ctx, decideScript, roomID, args...)
	if err != nil {
		return nil, err
	}
	replies := make([]any, len(reply))
	for i, one := range reply {
		decided, ok := one.([]any)
		if !ok || len(decided) != 2 {
			return nil, fmt.Errorf("decision: unexpected reply %T", one)
		}
		replies[i] = decided[0]
		if waited, _ := decided[1].(int64); waited >= 0 {
			s.settings.Observe(d.String(), time.Duration(waited)*time.Millisecond)
		}
	}
	return s.parseEntries(roomID, replies)
}

const (
	// cachedLists is of how many rooms the last list is cached, cachedEntries how many entries such a list may
	// have: some 300 bytes each.
	cachedLists   = 200
	cachedEntries = 200
)

// readList is the last list of a room: the script's name for that list, and its entries, which nobody changes.
type readList struct {
	name    string
	entries []*Entry
}

// List returns the waiting guests of a room. While Redis says that the list is the cached one, the entries are the
// cached ones.
func (s *Service) List(ctx context.Context, roomID uuid.UUID) (*Lobby, error) {
	last, _ := s.lists.Get(roomID)
	reply, err := s.run(ctx, listScript, roomID, last.name)
	if err != nil {
		return nil, err
	}
	version, err := strconv.Atoi(reply[0].(string))
	if err != nil {
		return nil, fmt.Errorf("version of lobby %s: %w", roomID, err)
	}
	if len(reply) > 3 {
		last.name, _ = reply[2].(string)
		if last.entries, err = unpackEntries(roomID, reply[3], reply[4], s.logDamaged); err != nil {
			return nil, err
		}
		if len(last.entries) <= cachedEntries {
			s.lists.Add(roomID, last)
		}
	}
	return &Lobby{Entries: last.entries, Message: message(reply[1]), Version: version}, nil
}

// Count is List without the entries.
func (s *Service) Count(ctx context.Context, roomID uuid.UUID) (*Lobby, error) {
	reply, err := s.run(ctx, countScript, roomID)
	if err != nil {
		return nil, err
	}
	version, err := strconv.Atoi(reply[0].(string))
	if err != nil {
		return nil, fmt.Errorf("version of lobby %s: %w", roomID, err)
	}
	waiting, _ := reply[2].(int64)
	return &Lobby{Message: message(reply[1]), Version: version, waiting: int(waiting)}, nil
}

// parseEntries leaves out entries that are gone, and damaged ones.
func (s *Service) parseEntries(roomID uuid.UUID, replies []any) ([]*Entry, error) {
	entries := make([]*Entry, 0, len(replies))
	for _, reply := range replies {
		switch e, err := parseEntry(roomID, reply); {
		case err != nil:
			s.logDamaged(err)
		case e.Status != Gone:
			entries = append(entries, e)
		}
	}
	return entries, nil
}

// logDamaged logs what Redis keeps and nobody can read, once. One damaged entry or pass must not hide all others from a
// host.
func (s *Service) logDamaged(err error) {
	if known, _ := s.logged.ContainsOrAdd(err.Error(), struct{}{}); !known {
		slog.Error("Redis has damaged data, which is left out", "err", err)
	}
}

// SetMessage sets the message for waiting guests, and wakes them.
func (s *Service) SetMessage(ctx context.Context, roomID uuid.UUID, message string) error {
	return s.do(ctx, messageScript, roomID, message)
}
