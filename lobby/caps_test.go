package lobby_test

import (
	"context"
	"testing"
	"time"

	"github.com/redis/go-redis/v9"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"foyer/auth"
	"foyer/ent/room"
	"foyer/internal/fault"
	"foyer/internal/live"
	"foyer/lobby"
	"foyer/rooms"
	"foyer/test/env"
)

// of returns ctx with a viewer at a network address.
func of(ctx context.Context, address string) context.Context {
	viewer := auth.FromContext(ctx)
	viewer.Address = address
	return auth.NewContext(ctx, viewer)
}

// given asks for tokens until one is refused, or most times, and returns how many it got.
func given(t *testing.T, most int, ask func() error) int {
	t.Helper()
	for n := range most {
		if err := ask(); err != nil {
			env.RequireFault(t, fault.RateLimited, err)
			return n
		}
	}
	return most
}

// TestTokensAreLimitedHoweverTheyAreRequested: by people who walk in, by admitted guests who return with their ticket,
// and by guests who watch.
func TestTokensAreLimitedHoweverTheyAreRequested(t *testing.T) {
	t.Parallel()
	env.OnEachRedis(t, func(t *testing.T, rdb redis.UniversalClient, prefix string) {
		for name, limit := range map[string]func(*settings){
			"of an address": func(s *settings) { s.TokensPerAddress = 3 },
			"of a user":     func(s *settings) { s.TokensPerUser = 3 },
			"of a room":     func(s *settings) { s.TokensPerRoom = 3 },
		} {
			settings := calm
			limit(&settings)
			for door, ask := range map[string]func(*testing.T, *world, context.Context) func() error{
				"createRoomToken": func(_ *testing.T, w *world, who context.Context) func() error {
					return func() error {
						_, err := w.CreateRoomToken(who, lobby.CreateRoomTokenInput{RoomID: &w.Room.ID})
						return err
					}
				},
				"requestEntry": func(_ *testing.T, w *world, who context.Context) func() error {
					return func() error {
						got, err := w.RequestEntry(who, lobby.RequestEntryInput{RoomID: &w.Room.ID})
						if err == nil {
							_, err = w.ConnectionDetails(who, got.Entry)
						}
						return err
					}
				},
				"entry": func(t *testing.T, w *world, who context.Context) func() error {
					t.Helper()
					restricted := room.AccessLevelRESTRICTED
					_, err := w.Rooms.Update(env.As(w.Owner),
						rooms.UpdateInput{RoomID: w.Room.ID, AccessLevel: &restricted})
					require.NoError(t, err)
					guest, err := w.RequestEntry(who, lobby.RequestEntryInput{RoomID: &w.Room.ID})
					require.NoError(t, err)
					_, err = w.Admit(env.As(w.Owner), lobby.DecideInput{RoomID: w.Room.ID, EntryID: guest.Entry.ID})
					require.NoError(t, err)
					return func() error {
						watch, err := w.OpenEntry(who, guest.Ticket, func() {})
						if err != nil {
							return err
						}
						defer watch.Close()
						entry, err := watch.Next(who)
						require.NoError(t, err)
						_, err = w.ConnectionDetails(who, entry)
						return err
					}
				},
			} {
				t.Run(name+" by "+door, func(t *testing.T) {
					w := newWorld(t, rdb, prefix, settings)
					public := room.AccessLevelPUBLIC
					_, err := w.Rooms.Update(env.As(w.Owner),
						rooms.UpdateInput{RoomID: w.Room.ID, AccessLevel: &public})
					require.NoError(t, err)
					who := of(env.As(w.User("Ada")), w.Room.ID.String()) // an address of its own, for each test
					assert.Equal(t, 3, given(t, 10, ask(t, w, who)))
				})
			}
		}
	})
}

// TestStrangersDoNotUseUpTheLimitsOfHosts: neither that of a PUBLIC room, nor that of the hosts' address.
func TestStrangersDoNotUseUpTheLimitsOfHosts(t *testing.T) {
	t.Parallel()
	rdb, prefix := env.Redis(t)
	for name, limit := range map[string]func(*settings){
		"of the room":     func(s *settings) { s.TokensPerRoom = 3 },
		"of the address":  func(s *settings) { s.TokensPerAddress = 3 },
		"of both and all": func(s *settings) { s.TokensPerRoom, s.TokensPerAddress = 3, 3 },
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			settings := calm
			limit(&settings)
			w := newWorld(t, rdb, prefix, settings)
			public := room.AccessLevelPUBLIC
			_, err := w.Rooms.Update(env.As(w.Owner), rooms.UpdateInput{RoomID: w.Room.ID, AccessLevel: &public})
			require.NoError(t, err)
			token := func(who context.Context) error {
				_, err := w.CreateRoomToken(of(who, w.Room.ID.String()), lobby.CreateRoomTokenInput{RoomID: &w.Room.ID})
				return err
			}
			assert.Equal(t, 3, given(t, 10, func() error { return token(env.Guest()) }))
			assert.NoError(t, token(env.As(w.Owner)))
		})
	}
}

// TestTicketsOfOthersDoNotKeepAnAdmittedGuestOut: requests with a ticket count for that ticket.
func TestTicketsOfOthersDoNotKeepAnAdmittedGuestOut(t *testing.T) {
	t.Parallel()
	rdb, prefix := env.Redis(t)
	settings := calm
	settings.RequestsPerTicket = 3
	w := newWorld(t, rdb, prefix, settings)
	anna, ben := w.knock(t, "Anna"), w.knock(t, "Ben")
	assert.Equal(t, 3, given(t, 10, func() error {
		_, err := w.RequestEntry(env.Guest(), lobby.RequestEntryInput{RoomID: &w.Room.ID, Ticket: &anna.Ticket})
		return err
	}), "asking again counts")
	_, err := w.Cancel(env.Guest(), anna.Ticket)
	env.RequireFault(t, fault.RateLimited, err)
	_, err = w.CreateRoomToken(env.Guest(), lobby.CreateRoomTokenInput{RoomID: &w.Room.ID, Ticket: &anna.Ticket})
	env.RequireFault(t, fault.RateLimited, err)
	_, err = w.LimitedTicketHolder(env.Guest(), w.Room, anna.Ticket)
	env.RequireFault(t, fault.RateLimited, err)
	_, err = w.Admit(env.As(w.Owner), lobby.DecideInput{RoomID: w.Room.ID, EntryID: ben.Entry.ID})
	require.NoError(t, err)
	assert.Equal(t, live.Admitted, w.again(t, ben).Entry.Status)
}

// TestLobbyListsAreLimitedAndCountsAreNot: entries are read only for requests that select them.
func TestLobbyListsAreLimitedAndCountsAreNot(t *testing.T) {
	t.Parallel()
	env.OnEachRedis(t, func(t *testing.T, rdb redis.UniversalClient, prefix string) {
		settings := calm
		settings.ListsPerUser = 2
		w := newWorld(t, rdb, prefix, settings)
		w.knock(t, "Anna")
		w.knock(t, "Ben")
		assert.Equal(t, 2, given(t, 10, func() error { _, err := w.Get(env.As(w.Owner), w.Room.ID); return err }))
		_, err := w.WatchLobby(env.As(w.Owner), w.Room.ID, func(error) {})
		env.RequireFault(t, fault.RateLimited, err)
		_, err = w.AdmitAll(env.As(w.Owner), lobby.AdmitAllInput{RoomID: w.Room.ID})
		env.RequireFault(t, fault.RateLimited, err)
		_, err = w.SetMessage(env.As(w.Owner), lobby.SetMessageInput{RoomID: w.Room.ID})
		env.RequireFault(t, fault.RateLimited, err)
		for range 10 {
			count, err := w.Count(env.As(w.Owner), w.Room.ID)
			require.NoError(t, err)
			assert.Equal(t, 2, count.TotalCount())
			assert.Empty(t, count.Entries)
			assert.Positive(t, count.Version)
		}
		_, err = w.Count(env.As(w.User("Mia")), w.Room.ID)
		env.RequireFault(t, fault.Forbidden, err)
	})
}

// TestNobodyFillsALobbyAlone: not from one address, not with one account, and not by asking again. The place of an
// entry that ends is free again.
func TestNobodyFillsALobbyAlone(t *testing.T) {
	t.Parallel()
	env.OnEachRedis(t, func(t *testing.T, rdb redis.UniversalClient, prefix string) {
		settings := calm
		settings.Capacity, settings.AddressShare = 48, 25
		w := newWorld(t, rdb, prefix, settings)
		in := lobby.RequestEntryInput{RoomID: &w.Room.ID}
		var flood []*lobby.Request
		knock := func(who context.Context) func() error {
			return func() error {
				got, err := w.RequestEntry(who, in)
				if err == nil {
					flood = append(flood, got)
				}
				return err
			}
		}
		mallory := of(env.Guest(), "192.0.2.1")
		assert.Equal(t, 12, given(t, 30, knock(mallory)), "a quarter")
		for _, mine := range flood {
			again, err := w.RequestEntry(mallory, lobby.RequestEntryInput{RoomID: &w.Room.ID, Ticket: &mine.Ticket})
			require.NoError(t, err)
			assert.Equal(t, mine.Entry.ID, again.Entry.ID)
		}
		assert.Zero(t, given(t, 1, knock(mallory)))
		assert.Equal(t, 1, given(t, 1, knock(of(env.Guest(), "192.0.2.2"))), "another address is not concerned")
		ada := of(env.As(w.User("Ada")), "192.0.2.1")
		assert.Equal(t, 12, given(t, 30, knock(ada)), "nor is somebody with an account, who has a share of their own")
		assert.Equal(t, 1, given(t, 1, knock(of(env.As(w.User("Ben")), "192.0.2.1"))))

		_, err := w.Cancel(mallory, flood[0].Ticket)
		require.NoError(t, err)
		_, err = w.Admit(env.As(w.Owner), lobby.DecideInput{RoomID: w.Room.ID, EntryID: flood[1].Entry.ID})
		require.NoError(t, err)
		assert.Equal(t, 2, given(t, 30, knock(mallory)), "as many as have gone")
		denied, _, err := w.DenyAll(env.As(w.Owner), lobby.AdmitAllInput{RoomID: w.Room.ID})
		require.NoError(t, err)
		assert.Len(t, denied, 26)
		assert.Equal(t, 12, given(t, 30, knock(mallory)))
	})
}

// TestShareOfALobbyIsTenPlacesAtLeast: and everything when there is no capacity.
func TestShareOfALobbyIsTenPlacesAtLeast(t *testing.T) {
	t.Parallel()
	rdb, prefix := env.Redis(t)
	for capacity, places := range map[int]int{5: 5, 20: 10, 0: 30} {
		settings := calm
		settings.Capacity, settings.AddressShare = capacity, 25
		w := newWorld(t, rdb, prefix, settings)
		assert.Equal(t, places, given(t, 30, func() error {
			_, err := w.RequestEntry(of(env.Guest(), "192.0.2.1"), lobby.RequestEntryInput{RoomID: &w.Room.ID})
			return err
		}), "of %d", capacity)
	}
}

// TestAddressIsForgottenWhenItsGuestsStopWaiting: and so is an account, however the guests leave the list.
func TestAddressIsForgottenWhenItsGuestsStopWaiting(t *testing.T) {
	t.Parallel()
	env.OnEachRedis(t, func(t *testing.T, rdb redis.UniversalClient, prefix string) {
		for way, leave := range map[string]func(*world, *lobby.Request) error{
			"cancelled": func(w *world, r *lobby.Request) error {
				_, err := w.Cancel(env.Guest(), r.Ticket)
				return err
			},
			"admitted": func(w *world, r *lobby.Request) error {
				_, err := w.Admit(w.Host(), w.decide(r))
				return err
			},
			"denied": func(w *world, r *lobby.Request) error {
				_, err := w.Deny(w.Host(), w.decide(r))
				return err
			},
			"removed": func(w *world, r *lobby.Request) error {
				return w.live.Expel(w.Host(), w.Room.ID, r.Entry.ID, r.Entry.UserID)
			},
			"ended with the meeting": func(w *world, _ *lobby.Request) error {
				_, err := w.live.End(w.Host(), w.Room.ID)
				return err
			},
			"gone without a word": func(*world, *lobby.Request) error { return nil },
		} {
			t.Run(way, func(t *testing.T) {
				t.Parallel()
				settings := lapsing
				settings.Capacity, settings.AddressShare = 48, 25
				w := newWorld(t, rdb, prefix, settings)
				ada := w.User("Ada")
				nobody, adas := of(env.Guest(), "192.0.2.1"), of(env.As(ada), "192.0.2.2")
				var all []*lobby.Request
				for _, who := range []context.Context{nobody, nobody, adas, adas} {
					r, err := w.RequestEntry(who, lobby.RequestEntryInput{RoomID: &w.Room.ID})
					require.NoError(t, err)
					all = append(all, r)
				}
				key := prefix + "lobby:{" + w.Room.ID.String() + "}:from:"
				taken := func(whom string) int64 {
					n, err := rdb.ZCard(context.Background(), key+whom).Result()
					require.NoError(t, err)
					return n
				}
				assert.Zero(t, taken("192.0.2.2"), "a user counts for their account, not for the address")
				if len(w.listed(t)) == len(all) { // else this machine has stood still for longer than they wait
					assert.Equal(t, []int64{2, 2}, []int64{taken("192.0.2.1"), taken(ada.ID.String())})
				}
				for _, r := range all {
					require.NoError(t, leave(w, r))
				}
				require.Eventually(t, func() bool { return taken("192.0.2.1")+taken(ada.ID.String()) == 0 },
					env.Soon, 20*time.Millisecond)
			})
		}
	})
}
