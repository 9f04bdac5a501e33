package lobby

import (
	"context"
	"time"

	"github.com/google/uuid"
	"go.opentelemetry.io/otel/trace"

	"foyer/auth"
	"foyer/internal/fault"
	"foyer/internal/live"
	"foyer/internal/livekit"
	"foyer/internal/telemetry"
)

const (
	// detailsTimeout bounds how long an admission waits for its token: the guest learns of it in any case.
	detailsTimeout = 3 * time.Second
	// passLeeway is how much longer a pass is kept than LiveKit may accept its token.
	passLeeway = 5 * time.Minute
)

// CreateRoomTokenInput asks for a token, for people who may walk in.
type CreateRoomTokenInput struct {
	RoomID      *uuid.UUID
	Slug        *string
	DisplayName *string
	// Ticket of an earlier token or request, to keep the identity.
	Ticket *string
}

// RoomToken lets one person into one room.
type RoomToken struct {
	ConnectionDetails *livekit.Details
	// ParticipantID is the person's identity in the meeting.
	ParticipantID uuid.UUID
	Ticket        string
}

// CreateRoomToken makes a token for people who may walk in, and for admitted guests. LobbyRequired for others.
func (s *Service) CreateRoomToken(
	ctx context.Context, in CreateRoomTokenInput,
) (*RoomToken, error) {
	if err := s.allowToken(ctx); err != nil {
		return nil, err
	}
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
	canJoin, err := s.canJoin(ctx, room, v)
	if err != nil {
		return nil, err
	}
	e := v.walksIn()
	if !canJoin {
		if e, err = s.stored(ctx, v); err != nil {
			return nil, err
		}
	}
	if e.Status != live.Admitted {
		return nil, errLobbyRequired()
	}
	details, err := s.details(ctx, e)
	if err != nil {
		return nil, err
	}
	return &RoomToken{details, e.ID, s.request(v, e).Ticket}, nil
}

// temporarySpace derives room ids from the slugs of temporary rooms (UUID v5), for their tickets.
var temporarySpace = uuid.MustParse("6d0f5b5e-3c0e-4a43-9d5b-0a8f3f6b7c11")

// temporaryToken makes a token for a room that nobody has created. Such a room has no host and no lobby.
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
	if err := s.allowRoomToken(ctx, v.roomID); err != nil {
		return nil, err
	}
	details, err := s.livekit.Details(ctx, livekit.Join{
		Room: name, Identity: v.id, Name: v.name, UserID: v.userID,
		Sources: s.livekit.DefaultSources(), Data: true,
	})
	if err != nil {
		return nil, err
	}
	return &RoomToken{details, v.id, s.tickets.issue(v.roomID, v.id, v.userID)}, nil
}

// ConnectionDetails returns what an admitted guest needs to join, with the rights of this moment; nil for anybody else.
// The caller gives them to the holder of the entry's ticket only.
func (s *Service) ConnectionDetails(ctx context.Context, e *live.Entry) (*livekit.Details, error) {
	if e.Status != live.Admitted {
		return nil, nil
	}
	ctx, cancel := context.WithTimeout(ctx, detailsTimeout)
	defer cancel()
	if e.Push != nil { // the guest waits for this too
		var span trace.Span
		ctx, span = telemetry.Begin(trace.ContextWithSpan(ctx, e.Push), "connection details")
		defer span.End()
	}
	if err := s.allowToken(ctx); err != nil {
		return nil, err
	}
	return s.details(ctx, e)
}

// details makes the token of an admitted entry, and issues its pass. Every token for a room is made here, and counts
// against the room's limit unless its holder has a role there. The caller has counted it against the viewer's limits.
func (s *Service) details(ctx context.Context, e *live.Entry) (*livekit.Details, error) {
	standing, err := s.rooms.Standing(ctx, e.RoomID, personOf(e))
	if err != nil {
		return nil, err
	}
	p := live.Pass{
		ID: e.ID, UserID: e.UserID, Name: e.DisplayName, ByRule: e.ByRule, Admitted: !e.ByRule,
		Proved: auth.FromContext(ctx).UserID == e.UserID,
	}
	role := proven(p, standing.Role)
	if err := mayEnter(standing.Room, p, role, standing.Banned); err != nil {
		return nil, err
	}
	if role == "" {
		if err := s.allowRoomToken(ctx, e.RoomID); err != nil {
			return nil, err
		}
	}
	if p.Restrictions, err = s.issue(ctx, e, p); err != nil {
		return nil, err
	}
	return s.livekit.Details(ctx, s.join(standing.Room, p, role))
}

// issue issues the pass of an admitted entry, unless that was done together with reading it.
func (s *Service) issue(ctx context.Context, e *live.Entry, p live.Pass) (live.Restrictions, error) {
	issued := e.Issued
	if issued == nil {
		now, err := s.live.IssuePass(ctx, e.RoomID, p, s.passTTL())
		if err != nil {
			return live.Restrictions{}, err
		}
		issued = &now
	}
	if issued.Held {
		return live.Restrictions{}, errLobbyRequired()
	}
	return issued.Restrictions, nil
}

func (s *Service) passTTL() time.Duration { return s.livekit.TokenTTL() + passLeeway }
