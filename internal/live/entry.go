package live

import (
	"cmp"
	"errors"
	"fmt"
	"strconv"
	"strings"
	"time"

	"github.com/google/uuid"
	"go.opentelemetry.io/otel/trace"
)

// Status is where an entry stands. A host's decision is made once: only WAITING changes, until the
// meeting ends or the guest asks anew.
type Status string

// Every status.
const (
	// Waiting for a host to decide.
	Waiting Status = "WAITING"
	// Admitted by a host, or free to walk in.
	Admitted Status = "ADMITTED"
	// Denied by a host; the guest may ask again after a time.
	Denied Status = "DENIED"
	// Left: the guest gave up.
	Left Status = "LEFT"
	// Ended with the meeting: the guest may ask again for the next one.
	Ended Status = "ENDED"

	// Gone is the status of an entry that does not exist.
	Gone Status = ""
)

// Removal is how a host takes somebody out of a call.
type Removal string

// Every removal.
const (
	// Removed: disconnected.
	Removed Removal = "REMOVED"
	// Returned to the lobby, to wait there for a host.
	Returned Removal = "RETURNED"
)

// Entry is one guest's request to enter one room.
type Entry struct {
	ID          uuid.UUID
	RoomID      uuid.UUID
	DisplayName string
	Color       string
	Status      Status
	Since       time.Time
	// Version rises with every change, so that a client can tell an old state from a new one.
	Version int
	// UserID is zero for a guest without an account.
	UserID uuid.UUID
	// Message is what the hosts tell those who wait; nil for nothing.
	Message *string
	// Position is the guest's place among those who wait, from 1; nil when it is not told.
	Position *int
	// Removal is how a host has taken the guest out of the call, while that is why the guest is not in it; nil
	// when no host has.
	Removal *Removal
	// RetryAfter is in how many seconds a denied guest may ask again, 0 when that time is over; nil for others.
	RetryAfter *int

	// ByRule: the rules have admitted the guest, not a host. It holds for as long as they do.
	ByRule bool
	// Changed is the version of the entry's own last change.
	Changed int
	// Push is the span in which the guest is told of this state; nil when there is none.
	Push trace.Span
	// Issued is what became of the guest's pass when it was issued as the entry was read; else nil.
	Issued *Issued
	// Arrival is the version of the lobby in which the guest arrived: their place in the list.
	Arrival int
}

// IsAuthenticated reports whether the guest is signed in with an account.
func (e *Entry) IsAuthenticated() bool { return e.UserID != uuid.Nil }

// Askable reports whether the guest was denied, and may ask again by now.
func (e *Entry) Askable() bool {
	return e.Status == Denied && e.RetryAfter != nil && *e.RetryAfter == 0
}

// Became returns the entry with a status that Redis does not know: the database says so.
func (e *Entry) Became(status Status) *Entry {
	now := *e
	now.Status, now.Message, now.Position, now.Issued, now.Push = status, nil, nil, nil, nil
	now.Version = max(e.Version+1, int(time.Now().UnixMilli()))
	now.Changed = now.Version
	return &now
}

// Decided reports whether a host, or the rules, have let the guest in or turned him away.
func (e *Entry) Decided() bool { return e.Status == Admitted || e.Status == Denied }

// Lobby is everybody who waits for a room.
type Lobby struct {
	// Entries are in the order of arrival.
	Entries []*Entry
	// Message is what those who wait are told; nil for nothing.
	Message *string
	Version int

	// waiting is how many wait, where the entries were not read.
	waiting int
	// Push is the span in which a host is told of this state; nil when there is none.
	Push trace.Span
}

// TotalCount is how many wait.
func (l *Lobby) TotalCount() int { return max(len(l.Entries), l.waiting) }

// entryFields is how many values the scripts return for an entry, viewFields for one that its guest
// sees.
const (
	entryFields = 9
	viewFields  = entryFields + 6
)

// parseView reads what the script function view returns.
func parseView(roomID uuid.UUID, reply any, showPosition bool) (*Entry, error) {
	list, ok := reply.([]any)
	if !ok || len(list) < viewFields {
		return nil, fmt.Errorf("entry: unexpected reply %T", reply)
	}
	e, err := parseEntry(roomID, list[:entryFields])
	more := list[entryFields:]
	if err == nil && len(list) > viewFields {
		issued := parseIssued(list[viewFields])
		e.Issued = &issued
	}
	if how, _ := more[5].(string); err == nil && how != "" {
		e.Removal = new(Removal(how))
	}
	if err == nil && e.Status == Denied {
		e.RetryAfter = secondsOf(more[4])
	}
	if err != nil || e.Status != Waiting {
		return e, err
	}
	e.Message = message(more[0])
	e.Version = max(e.Version, number(more[1]))
	if rank, listed := more[2].(int64); listed && showPosition {
		place := int(rank) + 1
		e.Position = &place
		e.Version = max(e.Version, number(more[3])) // places change with the list
	}
	return e, nil
}

// secondsOf reads a remaining time (ms): whole seconds, so that it is over after them.
func secondsOf(reply any) *int {
	ms, _ := reply.(int64)
	seconds := int(max(ms, 0)+999) / 1000
	return &seconds
}

// message reads what those who wait are told.
func message(reply any) *string {
	if text, _ := reply.(string); text != "" {
		return &text
	}
	return nil
}

// number reads a version that Redis keeps as text; zero when there is none.
func number(reply any) int {
	text, _ := reply.(string)
	n, _ := strconv.Atoi(text)
	return n
}

// parseEntry reads what the script function read returns. An entry that is gone has only its ids.
func parseEntry(roomID uuid.UUID, reply any) (*Entry, error) {
	list, ok := reply.([]any)
	if !ok || len(list) != entryFields {
		return nil, fmt.Errorf("entry: unexpected reply %T", reply)
	}
	var text [entryFields]string
	for i, value := range list {
		text[i], _ = value.(string)
	}
	return newEntry(roomID, &text)
}

// unpackEntries reads the entries that the script list packs, and how many they are. They are made at once,
// and share the text. A damaged one is left out, and damaged is told why.
func unpackEntries(
	roomID uuid.UUID, count, packed any, damaged func(error),
) ([]*Entry, error) {
	n, _ := count.(int64)
	rest, ok := packed.(string)
	if !ok || n < 0 || n > int64(len(rest)) {
		return nil, fmt.Errorf("entries: unexpected reply %T, %T", count, packed)
	}
	made, entries := make([]Entry, n), make([]*Entry, 0, n)
	var values [entryFields]string
	for i := range made {
		e := &made[i]
		entry, after, err := cutPacked(rest)
		if err != nil {
			return nil, err
		}
		rest = after
		if err = splitPacked(entry, &values); err == nil {
			err = e.read(roomID, &values)
		}
		switch {
		case err != nil:
			damaged(err)
		case e.Status != Gone:
			entries = append(entries, e)
		}
	}
	if rest != "" {
		return nil, errors.New("entries: more than were told")
	}
	return entries, nil
}

// cutPacked returns the first entry that is packed in a text, and the text after it.
func cutPacked(packed string) (entry, after string, err error) {
	size, rest, _ := strings.Cut(packed, "\n")
	n, err := strconv.Atoi(size)
	if err != nil || n < 0 || n > len(rest) {
		return "", "", errors.New("entry: no size of what is packed")
	}
	return rest[:n], rest[n:], nil
}

// splitPacked reads the values of a packed entry.
func splitPacked(entry string, values *[entryFields]string) error {
	found := true
	for _, at := range packedOrder[:entryFields-1] {
		if values[at], entry, found = strings.Cut(entry, "\n"); !found {
			return errors.New("entry: values are missing of what is packed")
		}
	}
	values[packedOrder[entryFields-1]] = entry
	return nil
}

// packedOrder is where the values of an entry that is packed stand in what the script function read
// returns: the name is the last.
var packedOrder = [entryFields]int{0, 2, 3, 4, 5, 6, 7, 8, 1}

// newEntry makes an entry of the values that are stored of it.
func newEntry(roomID uuid.UUID, text *[entryFields]string) (*Entry, error) {
	e := &Entry{}
	return e, e.read(roomID, text)
}

// read has an entry be what is stored of it.
func (e *Entry) read(roomID uuid.UUID, text *[entryFields]string) error {
	id, errID := uuid.Parse(text[0])
	if Status(text[3]) == Gone && errID == nil {
		*e = Entry{ID: id, RoomID: roomID}
		return nil
	}
	userID, errUser := parseUser(text[4])
	since, errSince := strconv.ParseInt(text[5], 10, 64)
	arrival, errArrival := strconv.Atoi(text[6])
	version, errVersion := strconv.Atoi(text[7])
	status, errStatus := statusOf(text[3])
	if err := cmp.Or(errID, errUser, errSince, errArrival, errVersion, errStatus); err != nil {
		return fmt.Errorf("entry %s: %w", text[0], err)
	}
	*e = Entry{
		ID: id, RoomID: roomID, DisplayName: text[1], Color: text[2], Status: status,
		UserID: userID, Since: time.UnixMilli(since), Arrival: arrival, Version: version,
		Changed: version, ByRule: text[8] != "",
	}
	return nil
}

// statusOf returns one of ours, so that thousands who wait do not keep a text each that says so.
func statusOf(text string) (Status, error) {
	for _, s := range []Status{Waiting, Admitted, Denied, Left, Ended} {
		if string(s) == text {
			return s, nil
		}
	}
	return Gone, fmt.Errorf("no such status: %q", text)
}

func parseUser(text string) (uuid.UUID, error) {
	if text == "" {
		return uuid.Nil, nil
	}
	return uuid.Parse(text)
}

func userText(id uuid.UUID) string {
	if id == uuid.Nil {
		return ""
	}
	return id.String()
}
