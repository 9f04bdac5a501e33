// Package lobby is where guests wait until a host lets them in.
//
// Entries live in Redis, so that every server sees the same lobby. A change is one script that
// writes the state and rings a bell; whoever watches hears only that something changed, and reads
// the state again. So a lost, doubled or late message shows nothing wrong, and no buffer can
// overflow. Three things make sure that no change is missed: a watcher hangs his bell before he
// first reads; every bell is rung when the subscription at Redis is made again; and every heartbeat
// asks Redis which lobbies have changed, and which of those who believe to wait do not.
//
// A guest is there while he watches his entry or asks again with his ticket. When he stops, he has a
// grace time to come back.
package lobby

import (
	"context"
	"sync"
	"time"

	"github.com/google/uuid"
	"github.com/redis/go-redis/v9"
	"golang.org/x/sync/errgroup"

	"foyer/accounts"
	"foyer/auth"
	"foyer/internal/livekit"
	"foyer/internal/ratelimit"
	"foyer/rooms"
)

// Settings of a Service.
type Settings struct {
	// Secret signs tickets.
	Secret string
	// KeyPrefix stands before every Redis key.
	KeyPrefix string
	// Grace is how long a guest who stopped watching keeps his place.
	Grace time.Duration
	// Heartbeat is how often a server says who is still there.
	Heartbeat time.Duration
	// DeniedFor is how long a denied guest has to wait before he may ask again.
	DeniedFor time.Duration
	// AdmittedFor is how long an admission holds, unless the meeting ends before.
	AdmittedFor time.Duration
	// TicketTTL is how long a ticket is good.
	TicketTTL time.Duration
	// MeetingGrace is how long a meeting goes on in which nobody is in the call; less than a day.
	MeetingGrace time.Duration
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
	// ShowPosition tells guests their place among those who wait.
	ShowPosition bool
	// Decided is told of each decision of this server's (admitted, admitted_by_rule, denied or left) and
	// how long the guest had waited, by Redis's clock; nil tells nobody.
	Decided func(decision string, waited time.Duration)
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
	store    store
	tickets  tickets
	limiter  *ratelimit.Limiter
	hub      *hub
	listener *listener
	accounts *accounts.Service
	rooms    *rooms.Service
	rtc      *livekit.Client

	// dueAt are the rooms to be swept once when nobody watches them any more.
	dueMu sync.Mutex
	dueAt map[uuid.UUID]time.Time

	nudges *nudges
}

// New returns a Service. Run has to run for its subscriptions to hear of changes.
func New(
	rdb redis.UniversalClient, people *accounts.Service, rooms *rooms.Service, rtc *livekit.Client, settings Settings,
) (*Service, error) {
	tickets, err := newTickets(settings.Secret, settings.TicketTTL)
	if err != nil {
		return nil, err
	}
	s := &Service{
		settings: settings, store: newStore(rdb, settings), tickets: tickets,
		limiter: ratelimit.New(rdb, settings.KeyPrefix), accounts: people, rooms: rooms, rtc: rtc,
		nudges: newNudges(rtc.TellHosts), dueAt: map[uuid.UUID]time.Time{},
	}
	s.listener = &listener{
		rdb: rdb, keys: s.store.keys,
		pending: map[uuid.UUID]struct{}{}, wake: make(chan struct{}, 1),
		placed: map[uuid.UUID]*lane{}, lanes: map[string]*lane{},
	}
	s.hub = newHub(s.listener.look, settings.ShowPosition)
	s.listener.watched = s.hub.watched
	s.listener.heard = s.hub.ring
	s.listener.ready = s.hub.ringRoom
	return s, nil
}

// Run hears bells and keeps watching guests present, until ctx ends. It runs once.
func (s *Service) Run(ctx context.Context) error {
	defer s.nudges.stop()
	group, ctx := errgroup.WithContext(ctx)
	group.Go(func() error { return s.listener.run(ctx) })
	group.Go(func() error { return s.beat(ctx) })
	group.Go(func() error { return s.follow(ctx) })
	return group.Wait()
}

// Stats are numbers of this one server.
type Stats struct {
	// Waiting is how many guests watch here and believe to wait.
	Waiting int
	// Heard are the bells that came from Redis, Rung the times that a watcher was woken; both only rise.
	Heard, Rung uint64
	// Deaf: the subscription at Redis is broken at the moment.
	Deaf bool
}

// Stats returns how many wait here, and how busy the bells are.
func (s *Service) Stats() Stats {
	return Stats{
		Waiting: s.hub.waiting(), Rung: s.hub.rung.Load(),
		Heard: s.listener.bells.Load(), Deaf: s.listener.deaf.Load(),
	}
}

// lease is how long a guest counts as present after one heartbeat: until the next is due, and the
// grace time.
func (s *Service) lease() time.Duration { return s.settings.Heartbeat + s.settings.Grace }

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
func (s *Service) Get(ctx context.Context, roomID uuid.UUID) (*Lobby, error) {
	if err := s.rooms.Require(ctx, roomID, rooms.DecideEntries); err != nil {
		return nil, err
	}
	if err := s.AllowList(ctx); err != nil {
		return nil, err
	}
	return s.store.list(ctx, roomID)
}

// Count is Get without the entries. It costs the same however many wait.
func (s *Service) Count(ctx context.Context, roomID uuid.UUID) (*Lobby, error) {
	if err := s.rooms.Require(ctx, roomID, rooms.DecideEntries); err != nil {
		return nil, err
	}
	return s.store.count(ctx, roomID)
}
