package live

import (
	"cmp"
	"fmt"
	"strconv"
	"time"

	"github.com/google/uuid"
	"go.opentelemetry.io/otel/trace"
)

// Status is the state of an entry. A decision is made once: an entry leaves WAITING, and then stays as it is until the
// meeting ends or the guest asks again.
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

// Removal is how a host has removed a person from a meeting.
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
	// Message is the hosts' message for waiting guests; nil for none.
	Message *string
	// Position is the guest's place in the waiting list, from 1; nil when it is not shown.
	Position *int
	// Removal is how a host has removed the guest from the meeting, while that is why they are not in it; nil when
	// no host has.
	Removal *Removal
	// RetryAfter is in how many seconds a denied guest may ask again, 0 when that time is over; nil for others.
	RetryAfter *int

	// ByRule: the rules have admitted the guest, not a host. It is valid for as long as they do.
	ByRule bool
	// Changed is the version of the entry's own last change.
	Changed int
	// Push is the span in which this state is sent to the guest; nil for none.
	Push trace.Span
	// Issued is the result of issuing the guest's pass together with reading the entry; nil when that was not done.
	Issued *Issued
	// Arrival is the version of the lobby in which the guest arrived: their place in the list.
	Arrival int
}

// IsAuthenticated reports whether the guest is signed in with an account.
func (e *Entry) IsAuthenticated() bool { return e.UserID != uuid.Nil }

// Decided reports whether a host, or the rules, have admitted or denied the guest.
func (e *Entry) Decided() bool { return e.Status == Admitted || e.Status == Denied }

// Askable reports whether the guest was denied, and may ask again by now.
func (e *Entry) Askable() bool {
	return e.Status == Denied && e.RetryAfter != nil && *e.RetryAfter == 0
}

// Became returns the entry with a status that the database demands and Redis does not know.
func (e *Entry) Became(status Status) *Entry {
	now := *e
	now.Status, now.Message, now.Position, now.Issued, now.Push = status, nil, nil, nil, nil
	now.Version = max(e.Version+1, int(time.Now().UnixMilli()))
	now.Changed = now.Version
	return &now
}

// Lobby is everybody who waits for a room.
type Lobby struct {
	// Entries are in the order of arrival.
	Entries []*Entry
	// Message is the hosts' message for waiting guests; nil for none.
	Message *string
	Version int

	// waiting is how many wait, where the entries were not read.
	waiting int
	// Push is the span in which this state is sent to a host; nil for none.
	Push trace.Span
}

// TotalCount is how many wait.
func (l *Lobby) TotalCount() int { return max(len(l.Entries), l.waiting) }

// entryFields is how many values the scripts return for an entry, viewFields how many for one that its guest reads.
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
	if err != nil {
		return nil, err
	}
	if len(list) > viewFields {
		issued := parseIssued(list[viewFields])
		e.Issued = &issued
	}
	more := list[entryFields:]
	if how, _ := more[5].(string); how != "" {
		e.Removal = new(Removal(how))
	}
	if e.Status == Denied {
		e.RetryAfter = secondsOf(more[4])
	}
	if e.Status != Waiting {
		return e, nil
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

// secondsOf reads a remaining time (ms), rounded up to whole seconds, so that it is over after them.
func secondsOf(reply any) *int {
	ms, _ := reply.(int64)
	seconds := int(max(ms, 0)+999) / 1000
	return &seconds
}

// message reads the message for waiting guests.
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
	e := &Entry{}
	return e, e.parse(roomID, &text)
}

// parse sets an entry from its stored values.
func (e *Entry) parse(roomID uuid.UUID, text *[entryFields]string) error {
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

// statusOf returns one of our constants, so that thousands of waiting entries do not each keep a text for it.
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
