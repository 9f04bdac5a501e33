// Package lobby is where guests wait until a host lets them in.
//
// It has the rules: who may walk in, who decides, who watches, and how many may ask. internal/live keeps the entries in
// Redis. A guest is present while they watch their entry or ask again with their ticket. When they stop, they have a
// grace time to come back.
package lobby

import (
	"context"
	"time"

	"github.com/google/uuid"

	"foyer/accounts"
	"foyer/auth"
	"foyer/internal/live"
	"foyer/internal/livekit"
	"foyer/internal/ratelimit"
	"foyer/rooms"
)

// Dependencies of a Service.
type Dependencies struct {
	Live     *live.Service
	Accounts *accounts.Service
	Rooms    *rooms.Service
	LiveKit  *livekit.Client
	Limiter  *ratelimit.Limiter
}

// Settings of a Service.
type Settings struct {
	// Secret signs tickets.
	Secret string
	// TicketTTL is how long a ticket is valid.
	TicketTTL time.Duration
	// Capacity is how many may wait for one room; 0 is any number.
	Capacity int
	// AddressShare is how many of these places guests without an account from one network address may take, in percent,
	// but ten at least; 0 is all of them. A user may take placesPerUser.
	AddressShare int
	// KnocksPerAddress, KnocksPerUser and KnocksPerRoom are how many may ask to enter within a minute from
	// one network address, by one user, and for one room; 0 is any number.
	KnocksPerAddress, KnocksPerUser, KnocksPerRoom int
	// TokensPerAddress, TokensPerUser and TokensPerRoom are the same for tokens, however they are requested.
	TokensPerAddress, TokensPerUser, TokensPerRoom int
	// RequestsPerTicket is how many requests within a minute may show one ticket; 0 is any number.
	RequestsPerTicket int
	// ListsPerUser is how many lists of the people in a room one user may read within a minute; 0 is any number.
	ListsPerUser int
	// NotifyHosts sends the hosts in the meeting a data message when somebody asks to enter.
	NotifyHosts bool
}

// leastPlaces is how many guests from one network address may wait in the smallest lobby.
const leastPlaces = 10

// perAddress is how many places of a lobby guests from one network address may take; 0 is any number.
func (s Settings) perAddress() int {
	if s.AddressShare == 0 || s.AddressShare >= 100 {
		return 0
	}
	return min(s.Capacity, max(leastPlaces, s.Capacity*s.AddressShare/100))
}

// Service runs the lobbies of all rooms.
type Service struct {
	settings Settings
	live     *live.Service
	tickets  tickets
	limiter  *ratelimit.Limiter
	accounts *accounts.Service
	rooms    *rooms.Service
	livekit  *livekit.Client
	nudges   *nudges
}

// New returns a Service. Its subscriptions learn of changes while Run runs, and live.Service.Run.
func New(d Dependencies, settings Settings) (*Service, error) {
	tickets, err := newTickets(settings.Secret, settings.TicketTTL)
	if err != nil {
		return nil, err
	}
	return &Service{
		settings: settings, live: d.Live, tickets: tickets, limiter: d.Limiter, accounts: d.Accounts, rooms: d.Rooms,
		livekit: d.LiveKit, nudges: newNudges(d.LiveKit),
	}, nil
}

// Run repairs what a server that died has left unfinished, until ctx ends. It runs once.
func (s *Service) Run(ctx context.Context) error {
	defer s.nudges.stop()
	return s.reconcile(ctx)
}

// allowKnock counts one more request to enter against the limits of the viewer and of a room.
func (s *Service) allowKnock(ctx context.Context, roomID uuid.UUID) error {
	perAddress, perUser := limitsOf(ctx, "knock", s.settings.KnocksPerAddress, s.settings.KnocksPerUser)
	return s.limiter.Allow(ctx, "too many requests to enter; try again later", perAddress, perUser,
		ratelimit.PerMinute("knock:room", "{"+roomID.String()+"}", s.settings.KnocksPerRoom))
}

// tooManyTokens is the message when somebody asks for too many tokens.
const tooManyTokens = "too many requests for tokens; try again later"

// allowToken counts one more token, or request for one, against the limits of the viewer.
func (s *Service) allowToken(ctx context.Context) error {
	perAddress, perUser := limitsOf(ctx, "token", s.settings.TokensPerAddress, s.settings.TokensPerUser)
	return s.limiter.Allow(ctx, tooManyTokens, perAddress, perUser)
}

// allowRoomToken counts one more token against the limit of a room. The caller counts only people who may have one, so
// that nobody else uses the limit up, and not people with a role in the room, since strangers can use up the limit of a
// PUBLIC room.
func (s *Service) allowRoomToken(ctx context.Context, roomID uuid.UUID) error {
	return s.limiter.Allow(ctx, tooManyTokens,
		ratelimit.PerMinute("token:room", "{"+roomID.String()+"}", s.settings.TokensPerRoom))
}

// allowTicket counts one more request with a ticket. The limit belongs to the ticket, not to an address: other people
// at the same address never keep a guest from their own place.
func (s *Service) allowTicket(ctx context.Context, t ticket) error {
	return s.limiter.Allow(ctx, "too many requests with this ticket; try again in a moment",
		ratelimit.PerMinute("ticket", t.EntryID.String(), s.settings.RequestsPerTicket))
}

// AllowList counts one more list of a room's people that the viewer reads, which costs more the more people there are.
// States that a subscription sends after the first do not count; their rate is bounded.
func (s *Service) AllowList(ctx context.Context) error {
	return s.limiter.Allow(ctx, "too many lists of people; subscribe to changes instead of asking again",
		ratelimit.PerMinute("list:user", auth.FromContext(ctx).UserID.String(), s.settings.ListsPerUser))
}

// limitsOf returns a viewer's limits: by address and, with an account, by account. Signed-in people at one address are
// counted apart from others, so that a stranger behind the same router does not use up their limit.
func limitsOf(
	ctx context.Context, what string, perAddress, perUser int,
) (address, user ratelimit.Limit) {
	viewer, group := auth.FromContext(ctx), ":address"
	if viewer.SignedIn() {
		group = ":address-signed-in"
	} else {
		perUser = 0
	}
	return ratelimit.PerMinute(what+group, viewer.Address, perAddress),
		ratelimit.PerMinute(what+":user", viewer.UserID.String(), perUser)
}

// Get returns the waiting guests of a room, for its hosts.
func (s *Service) Get(ctx context.Context, roomID uuid.UUID) (*live.Lobby, error) {
	if err := s.rooms.Require(ctx, roomID, rooms.DecideEntries); err != nil {
		return nil, err
	}
	if err := s.AllowList(ctx); err != nil {
		return nil, err
	}
	return s.live.List(ctx, roomID)
}

// Count is Get without the entries. It costs the same however many wait.
func (s *Service) Count(ctx context.Context, roomID uuid.UUID) (*live.Lobby, error) {
	if err := s.rooms.Require(ctx, roomID, rooms.DecideEntries); err != nil {
		return nil, err
	}
	return s.live.Count(ctx, roomID)
}
