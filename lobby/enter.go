package lobby

import (
	"context"
	"slices"
	"strings"
	"time"

	"github.com/google/uuid"

	"foyer/auth"
	"foyer/ent"
	"foyer/ent/roomaccess"
	"foyer/fault"
	"foyer/rooms"
	"foyer/rtc"
)

// RequestEntryInput asks to enter a room, named by exactly one of its id and its slug.
type RequestEntryInput struct {
	RoomID      *uuid.UUID
	Slug        *string
	DisplayName *string
	// Ticket of an earlier request, to come back to it.
	Ticket *string
}

// Request is what a guest is given when he asks to enter: his entry, and the ticket that proves it
// his.
type Request struct {
	Entry  *Entry
	Ticket string
}

// CreateRoomTokenInput asks for a token, by those who may walk in.
type CreateRoomTokenInput struct {
	RoomID      *uuid.UUID
	Slug        *string
	DisplayName *string
	// Ticket of an earlier token or request, to keep one's identity.
	Ticket *string
}

// RoomToken lets one person into one room.
type RoomToken struct {
	ConnectionDetails *rtc.Details
	// ParticipantID is the person's identity in the call.
	ParticipantID uuid.UUID
	Ticket        string
}

// RequestEntry asks to enter a room. Those who may walk in are admitted at once; others wait, and
// keep their place by asking again with their ticket. A decision stands, whatever is asked.
func (s *Service) RequestEntry(ctx context.Context, in RequestEntryInput) (*Request, error) {
	room, err := s.rooms.Find(ctx, in.RoomID, in.Slug)
	if err != nil {
		return nil, err
	}
	v, err := s.visitor(ctx, room.ID, in.DisplayName, in.Ticket)
	if err != nil {
		return nil, err
	}
	canJoin, err := s.rooms.ViewerCanJoin(ctx, room)
	if err != nil {
		return nil, err
	}
	stored, err := s.stored(ctx, v)
	if err != nil {
		return nil, err
	}
	mine := stored.UserID == v.userID
	switch {
	case canJoin && mine && stored.Status == Waiting:
		return s.letInOne(ctx, v, stored)
	case stored.Status == Admitted && stored.byRule && !canJoin:
		v.id = uuid.New() // what let him in has changed; he asks like everybody else
		return s.knock(ctx, v)
	case canJoin && stored.Status != Admitted:
		return s.request(v, v.entry(Admitted)), nil
	case stored.Status == Waiting, stored.decided():
		return s.request(v, stored), nil
	default:
		return s.knock(ctx, v)
	}
}

// visitor is whoever asks to enter, with what is known of him.
type visitor struct {
	roomID uuid.UUID
	// id will be his entry's and his identity: that of his ticket if it was given to this account.
	id     uuid.UUID
	userID uuid.UUID
	name   string
	// ticket is the one he showed, if any.
	ticket *ticket
}

func (s *Service) visitor(
	ctx context.Context, roomID uuid.UUID, name, ticketText *string,
) (visitor, error) {
	v := visitor{roomID: roomID, id: uuid.New(), userID: auth.FromContext(ctx).UserID}
	if ticketText != nil {
		t, err := s.tickets.read(*ticketText)
		if err != nil {
			return v, err
		}
		if t.RoomID != roomID {
			return v, fault.Field("ticket", "this ticket is for another room")
		}
		v.ticket = &t
		if t.UserID == v.userID {
			v.id = t.EntryID
		}
	}
	var err error
	v.name, err = s.rooms.DisplayName(ctx, name)
	return v, err
}

// entry returns an entry of the visitor's that is not stored.
func (v visitor) entry(status Status) *Entry {
	return &Entry{
		ID: v.id, RoomID: v.roomID, DisplayName: v.name, Color: rtc.Color(v.userID, v.id),
		Status: status, Since: time.Now(), UserID: v.userID, Version: int(time.Now().UnixMilli()),
	}
}

// stored returns the entry of the visitor's ticket, which is gone when he has none. Asking for it
// keeps his place.
func (s *Service) stored(ctx context.Context, v visitor) (*Entry, error) {
	if v.ticket == nil {
		return &Entry{Status: gone}, nil
	}
	e, err := s.store.attend(ctx, v.roomID, v.ticket.EntryID, s.lease())
	if err == nil && e.Status == Waiting {
		s.sweepLater(v.roomID)
	}
	return e, err
}

func (s *Service) request(v visitor, e *Entry) *Request {
	return &Request{Entry: e, Ticket: s.tickets.issue(v.roomID, e.ID, e.UserID)}
}

// letInOne admits a guest who waits although he no longer needs to.
func (s *Service) letInOne(ctx context.Context, v visitor, e *Entry) (*Request, error) {
	e, err := s.decideOne(ctx, v.roomID, e.ID, s.admittedByRule())
	if err != nil {
		return nil, err
	}
	return s.request(v, e), nil
}

// knock puts a new entry on the waiting list.
func (s *Service) knock(ctx context.Context, v visitor) (*Request, error) {
	if err := s.allow(ctx, v.roomID, auth.FromContext(ctx).Address); err != nil {
		return nil, err
	}
	e, err := s.store.request(ctx, v.entry(Waiting), s.lease(), s.settings.Capacity)
	if err != nil {
		return nil, err
	}
	s.sweepLater(v.roomID)
	if s.settings.NotifyHosts {
		s.nudges.nudge(v.roomID)
	}
	return s.request(v, e), nil
}

// CreateRoomToken gives those who may walk in, and guests who have been admitted, a token; others are
// told LobbyRequired.
func (s *Service) CreateRoomToken(
	ctx context.Context, in CreateRoomTokenInput,
) (*RoomToken, error) {
	room, err := s.rooms.Find(ctx, in.RoomID, in.Slug)
	if fault.Is(err, fault.NotFound) && in.Slug != nil {
		return s.temporaryToken(ctx, in)
	}
	if err != nil {
		return nil, err
	}
	v, err := s.visitor(ctx, room.ID, in.DisplayName, in.Ticket)
	if err != nil {
		return nil, err
	}
	canJoin, err := s.rooms.ViewerCanJoin(ctx, room)
	if err != nil {
		return nil, err
	}
	e := v.entry(Admitted)
	if !canJoin {
		if e, err = s.stored(ctx, v); err != nil {
			return nil, err
		}
	}
	if e.Status != Admitted {
		return nil, errLobbyRequired()
	}
	details, err := s.details(ctx, room, e)
	if err != nil {
		return nil, err
	}
	return &RoomToken{details, e.ID, s.request(v, e).Ticket}, nil
}

// temporarySpace makes room ids of the slugs of temporary rooms (UUID v5), for their tickets.
var temporarySpace = uuid.MustParse("6d0f5b5e-3c0e-4a43-9d5b-0a8f3f6b7c11")

// temporaryToken gives a token for a room that nobody has made. It has no host and no lobby.
func (s *Service) temporaryToken(
	ctx context.Context, in CreateRoomTokenInput,
) (*RoomToken, error) {
	name, err := s.rooms.Temporary(*in.Slug)
	if err != nil {
		return nil, err
	}
	v, err := s.visitor(ctx, uuid.NewSHA1(temporarySpace, []byte(name)), in.DisplayName, in.Ticket)
	if err != nil {
		return nil, err
	}
	details, err := s.rtc.Details(rtc.Join{
		Room: name, Identity: v.id, Name: v.name, UserID: v.userID,
		Sources: s.rtc.DefaultSources(), Data: true,
	})
	if err != nil {
		return nil, err
	}
	return &RoomToken{details, v.id, s.tickets.issue(v.roomID, v.id, v.userID)}, nil
}

func errLobbyRequired() error {
	return fault.New(fault.LobbyRequired, "ask to enter this room")
}

// detailsTimeout bounds what is done to render an admission: a guest is told of it in any case.
const detailsTimeout = 3 * time.Second

// ConnectionDetails returns what an admitted guest needs to enter the call, by what he may do at this
// moment; nil for anybody else. Only the holder of the entry's ticket may be given them.
func (s *Service) ConnectionDetails(ctx context.Context, e *Entry) (*rtc.Details, error) {
	if e.Status != Admitted {
		return nil, nil
	}
	ctx, cancel := context.WithTimeout(ctx, detailsTimeout)
	defer cancel()
	room, err := s.rooms.ByID(ctx, e.RoomID)
	if err != nil {
		return nil, err
	}
	return s.details(ctx, room, e)
}

// details makes the token of an admitted entry. A role is a signed-in viewer's own: a ticket alone,
// or in somebody else's hands, brings none. An admission by rule wants the rule to hold still.
func (s *Service) details(ctx context.Context, room *ent.Room, e *Entry) (*rtc.Details, error) {
	role, err := s.rooms.RoleOf(ctx, room.ID, e.UserID)
	if err != nil {
		return nil, err
	}
	if e.byRule && !rooms.MayWalkIn(room.AccessLevel, e.IsAuthenticated(), role) {
		return nil, errLobbyRequired()
	}
	if auth.FromContext(ctx).UserID != e.UserID {
		role = ""
	}
	return s.rtc.Details(rtc.Join{
		Room: room.ID.String(), Identity: e.ID, Name: e.DisplayName, UserID: e.UserID,
		Role: participantRole(role), Sources: s.sources(room), Data: room.DataAllowed,
	})
}

// participantRole spells a role as LiveKit's participants carry it.
func participantRole(role roomaccess.Role) string { return strings.ToLower(string(role)) }

func (s *Service) sources(room *ent.Room) []string {
	if room.PublishSources == nil {
		return s.rtc.DefaultSources()
	}
	sources := make([]string, len(room.PublishSources))
	for i, source := range room.PublishSources {
		sources[i] = string(source)
	}
	return sources
}

// LetIn admits those who wait for a room although its access level lets them walk in by now.
func (s *Service) LetIn(ctx context.Context, roomID uuid.UUID) error {
	lobby, err := s.store.list(ctx, roomID)
	if err != nil || len(lobby.Entries) == 0 {
		return err
	}
	room, err := s.rooms.ByID(ctx, roomID) // as it is now, whatever the caller has seen
	if err != nil {
		return err
	}
	var free []uuid.UUID
	for _, e := range lobby.Entries {
		if rooms.MayWalkIn(room.AccessLevel, e.IsAuthenticated(), "") {
			free = append(free, e.ID)
		}
	}
	for ids := range slices.Chunk(free, maxDecisions) {
		if _, err := s.store.decide(ctx, roomID, s.admittedByRule(), ids...); err != nil {
			return err
		}
	}
	return nil
}
