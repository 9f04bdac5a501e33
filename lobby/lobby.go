// Package lobby is where guests wait until a host lets them in.
//
// Package live keeps the entries in Redis. Here are the rules: who may walk in, who decides, who watches, and how many
// may ask. A guest is there while they watch their entry or ask again with their ticket. When they stop, they have a
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

// Settings of a Service.
type Settings struct {
	// Secret signs tickets.
	Secret string
	// TicketTTL is how long a ticket is good.
	TicketTTL time.Duration
	// Capacity is how many may wait for one room; 0 is any number.
	Capacity int
	// AddressShare is how many of these places guests without an account from one network address may take, in percent,
	// but ten at least; 0 is all of them. A user takes some at most.
	AddressShare int
	// KnocksPerAddress, KnocksPerUser and KnocksPerRoom are how many may ask to enter within a minute from
	// one network address, by one user, and for one room; 0 is any number.
	KnocksPerAddress, KnocksPerUser, KnocksPerRoom int
	// TokensPerAddress, TokensPerUser and TokensPerRoom are the same for tokens, by whatever way they are asked for.
	TokensPerAddress, TokensPerUser, TokensPerRoom int
	// RequestsPerTicket is how many requests within a minute may show one ticket; 0 is any number.
	RequestsPerTicket int
	// ListsPerUser is how many lists of the people in a room one user may read within a minute; 0 is any number.
	ListsPerUser int
	// NotifyHosts sends hosts in the call a data message when somebody asks to enter.
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
	rtc      *livekit.Client
	nudges   *nudges
}

// New returns a Service. Run has to run, and that of live, for its subscriptions to learn of changes.
func New(
	live *live.Service, people *accounts.Service, rooms *rooms.Service, rtc *livekit.Client,
	limiter *ratelimit.Limiter, settings Settings,
) (*Service, error) {
	tickets, err := newTickets(settings.Secret, settings.TicketTTL)
	if err != nil {
		return nil, err
	}
	return &Service{
		settings: settings, live: live, tickets: tickets, limiter: limiter, accounts: people, rooms: rooms, rtc: rtc,
		nudges: newNudges(rtc.SendToHosts),
	}, nil
}

// Run mends what a server that died has left behind, until ctx ends. It runs once.
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

// tooManyTokens is what is said to who asks for too many tokens.
const tooManyTokens = "too many requests for tokens; try again later"

// allowToken counts one more token, or request for one, against the limits of the viewer.
func (s *Service) allowToken(ctx context.Context) error {
	perAddress, perUser := limitsOf(ctx, "token", s.settings.TokensPerAddress, s.settings.TokensPerUser)
	return s.limiter.Allow(ctx, tooManyTokens, perAddress, perUser)
}

// allowTokenOf counts one more token against the limit of a room: by those who may have one, so that
// nobody else uses it up. People with a role in the room are not asked: strangers use up the limit of a PUBLIC room.
func (s *Service) allowTokenOf(ctx context.Context, roomID uuid.UUID) error {
	return s.limiter.Allow(ctx, tooManyTokens,
		ratelimit.PerMinute("token:room", "{"+roomID.String()+"}", s.settings.TokensPerRoom))
}

// allowTicket counts one more request that shows a ticket. The limit is that of the ticket, not of an address: other
// people at the same address never keep a guest from their own place.
func (s *Service) allowTicket(ctx context.Context, t ticket) error {
	return s.limiter.Allow(ctx, "too many requests with this ticket; try again in a moment",
		ratelimit.PerMinute("ticket", t.EntryID.String(), s.settings.RequestsPerTicket))
}

// AllowList counts one more list of the people in a room that the viewer has read: its cost grows with them. What a
// subscription sends after the first state is not counted; its pace is bounded.
func (s *Service) AllowList(ctx context.Context) error {
	return s.limiter.Allow(ctx, "too many lists of people; subscribe to changes instead of asking again",
		ratelimit.PerMinute("list:user", auth.FromContext(ctx).UserID.String(), s.settings.ListsPerUser))
}

// limitsOf returns a viewer's limits: by address and, with an account, by account. At one address people who are
// signed in are counted by themselves: somebody unknown behind the same router does not use up their limit.
func limitsOf(
	ctx context.Context, what string, perAddress, perUser int,
) (address, user ratelimit.Limit) {
	viewer, among := auth.FromContext(ctx), ":address"
	if viewer.SignedIn() {
		among = ":address-signed-in"
	} else {
		perUser = 0
	}
	return ratelimit.PerMinute(what+among, viewer.Address, perAddress),
		ratelimit.PerMinute(what+":user", viewer.UserID.String(), perUser)
}

// Get returns who waits for a room, to its hosts.
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
