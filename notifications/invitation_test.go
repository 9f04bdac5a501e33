package notifications_test

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/emersion/go-smtp"
	"github.com/google/uuid"
	"github.com/redis/go-redis/v9"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"foyer/auth"
	"foyer/ent"
	"foyer/ent/outboxmessage"
	"foyer/ent/room"
	"foyer/ent/roomaccess"
	"foyer/internal/fault"
	"foyer/internal/mail"
	"foyer/internal/ratelimit"
	"foyer/notifications"
	"foyer/rooms"
	"foyer/test/env"
)

// host makes a user with a room.
func (w *world) host(name, roomName string) (context.Context, *ent.Room) {
	w.T.Helper()
	u := w.user(name, uuid.NewString()+"@example.org", "en")
	return env.As(u), w.NewRoom(u, roomName)
}

func (w *world) user(name, email, language string) *ent.User {
	w.T.Helper()
	return w.person(name, email, language, "UTC")
}

func (w *world) invite(ctx context.Context, r *ent.Room, emails ...string) []string {
	w.T.Helper()
	invited, err := w.Invite(ctx, notifications.InviteInput{RoomID: r.ID, Emails: emails})
	require.NoError(w.T, err)
	return invited
}

// received returns how many e-mails each address has received.
func (w *world) received() map[string]int {
	count := map[string]int{}
	for _, m := range w.smtp.Received() {
		count[m.To]++
	}
	return count
}

func TestEachPersonIsInvitedInTheirOwnEmail(t *testing.T) {
	t.Parallel()
	onEach(t, func(t *testing.T, w *world) {
		w.smtp.Start()
		w.deliver()
		ctx, r := w.host("Ada Lovelace", "Analytical Engine")
		invited := w.invite(ctx, r, "Bob@Example.com", "eve@example.com", "bob@example.com ")
		assert.Equal(t, []string{"bob@example.com", "eve@example.com"}, invited)
		w.settled()
		assert.Equal(t, map[string]int{"bob@example.com": 1, "eve@example.com": 1}, w.received())
		for _, m := range w.smtp.Received() {
			subject, parts := read(t, m)
			assert.Equal(t, "Ada Lovelace invites you to “Analytical Engine”", subject)
			for kind, text := range parts {
				assert.Contains(t, text, "https://meet.example.org/"+r.Slug, kind)
				assert.Contains(t, text, "Ada Lovelace", kind)
				assert.Contains(t, text, "Analytical Engine", kind)
			}
			assert.Len(t, parts, 2)
			assert.Equal(t, "<"+m.To+">", m.Parse(t).Header.Get("To"), "nobody sees another's address")
			assert.Equal(t, 1, strings.Count(string(m.Raw), "@example.com"))
		}
	})
}

func TestInvitationIsInTheLanguageOfItsRecipient(t *testing.T) {
	t.Parallel()
	onEach(t, func(t *testing.T, w *world) {
		w.smtp.Start()
		w.deliver()
		languages := map[string]string{ // an address and its account's language
			"a@example.com": "fr-CA", "b@example.com": "en-GB", "c@example.com": "FR",
			"d@example.com": "de", "e@example.com": "not a language", "f@example.com": "",
		}
		emails := []string{"stranger@example.com"}
		for email, language := range languages {
			w.user("Somebody", email, language)
			emails = append(emails, email)
		}
		french := w.user("Émilie", "emilie@example.org", "fr")
		r, err := w.Rooms.Create(env.As(french), rooms.CreateInput{Name: "Salon"})
		require.NoError(t, err)
		w.invite(env.As(french), r, emails...)
		w.settled()
		in := map[string]string{}
		for _, m := range w.smtp.Received() {
			subject, parts := read(t, m)
			switch subject {
			case "Émilie invites you to “Salon”":
				in[m.To] = "en"
			case "Émilie vous invite à rejoindre «\u00a0Salon\u00a0»":
				in[m.To] = "fr"
			}
			assert.Contains(t, parts["text/html"], `<html lang="`+in[m.To]+`">`)
			hello := map[string]string{"en": "Hello,", "fr": "Bonjour,"}[in[m.To]]
			assert.Contains(t, parts["text/html"], hello)
			assert.True(t, strings.HasPrefix(parts["text/plain"], hello), parts["text/plain"])
		}
		assert.Equal(t, map[string]string{
			"stranger@example.com": "fr", "a@example.com": "fr", "b@example.com": "en",
			"c@example.com": "fr", "d@example.com": "en", "e@example.com": "en", "f@example.com": "en",
		}, in)
	})
}

// Names come from accounts and rooms; some may be older than today's rules for them.
func TestNamesInAnInvitationAreHarmless(t *testing.T) {
	t.Parallel()
	tests := []struct{ name, shown string }{
		{`"Quotes" & 'such'`, `"Quotes" & 'such'`},
		{"<script>alert(1)</script><img src=x onerror=y>", "<script>alert(1)</\u200bscript>"},
		{"Zoë 🦊 会議 שלום", "Zoë 🦊 会議 שלום"},
		{"line\r\nBcc: victim@example.net\r\n\r\nbody", "line Bcc: victim@\u200bexample.\u200bnet body"},
		{"turned \u202egro.live", "turned gro.\u200blive"},
		{"free phones: https://evil.example/x, www.evil.example", "https://\u200bevil.\u200bexample/\u200bx"},
		{"www。evil．example｡com", "www。\u200bevil．\u200bexample｡\u200bcom"},
		{"{{.Link}} {{template \"x\"}}", "{{.\u200bLink}} {{template \"x\"}}"},
		{"%s %d =?utf-8?q?=0D=0A?=", "%s %d =?utf-8?q?=0D=0A?="},
		{"Dr. Who: the end", "Dr. Who: the end"},
	}
	onEach(t, func(t *testing.T, w *world) {
		w.smtp.Start()
		w.deliver()
		for i, test := range tests {
			ctx, r := w.host("Ada", "Room")
			w.DB.Room.UpdateOne(r).SetName(test.name).ExecX(t.Context())
			to := fmt.Sprintf("guest%d@example.com", i)
			w.invite(ctx, r, to)
			w.settled()
			got := w.smtp.Received()
			require.Len(t, got, i+1)
			assert.Equal(t, to, got[i].To)
			header := got[i].Parse(t).Header
			assert.Empty(t, header.Get("Bcc"))
			assert.Equal(t, []string{"<" + to + ">"}, header["To"])
			subject, parts := read(t, got[i])
			assert.Contains(t, subject, test.shown, test.name)
			assert.Contains(t, parts["text/plain"], test.shown, test.name)
			html := parts["text/html"]
			assert.NotContains(t, html, "<script")
			assert.NotContains(t, html, "<img")
			assert.NotContains(t, html, "evil.example")
			assert.Equal(t, 2, strings.Count(html, "href="), "both to the room")
			assert.Equal(t, 2, strings.Count(html, `href="https://meet.example.org/`+r.Slug+`"`))
			for _, text := range []string{subject, parts["text/plain"], html} {
				assert.False(t, strings.ContainsAny(text, "\u202e\r"), "%q", text)
			}
		}
	})
}

func TestInvitationSaysThatItGivesARole(t *testing.T) {
	t.Parallel()
	onEach(t, func(t *testing.T, w *world) {
		w.smtp.Start()
		w.deliver()
		french := w.user("Émilie", "emilie@example.org", "fr")
		r, err := w.Rooms.Create(env.As(french), rooms.CreateInput{Name: "Salon"})
		require.NoError(t, err)
		for _, again := range []bool{false, true} { // the second time there is a provisional account
			_, err = w.Invite(env.As(french), notifications.InviteInput{
				RoomID: r.ID, Emails: []string{"bob@example.com"}, Role: new(roomaccess.RoleMEMBER),
			})
			require.NoError(t, err)
			w.settled()
			got := w.smtp.Received()
			_, parts := read(t, got[len(got)-1])
			for kind, text := range parts {
				assert.Contains(t, text, "Connectez-vous avec cette adresse", "%s %t", kind, again)
				assert.NotContains(t, text, "Aucun compte", kind)
			}
		}
		bob, err := w.People.SignIn(t.Context(), auth.Identity{
			Subject: "bob", Email: "bob@example.com", EmailVerified: true, FullName: "Bob",
		})
		require.NoError(t, err)
		role, err := w.Rooms.RoleOf(t.Context(), r.ID, bob.ID)
		require.NoError(t, err)
		assert.Equal(t, roomaccess.RoleMEMBER, role)

		owners := notifications.InviteInput{
			RoomID: r.ID, Emails: []string{"eve@example.com"}, Role: new(roomaccess.RoleOWNER),
		}
		_, err = w.Invite(env.As(french), owners)
		assert.Equal(t, "role", env.AssertFault(t, fault.Invalid, err).Details["field"])
		assert.Len(t, w.smtp.Received(), 2)
	})
}

func TestBadAddressesAreNamedAndNobodyIsInvited(t *testing.T) {
	t.Parallel()
	onEach(t, func(t *testing.T, w *world) {
		ctx, r := w.host("Ada", "Room")
		fifty := make([]string, 51)
		for i := range fifty {
			fifty[i] = fmt.Sprintf("guest%d@example.com", i)
		}
		for _, test := range []struct {
			name    string
			emails  []string
			indexes any
		}{
			{"none", nil, nil},
			{"too many", fifty, nil},
			{"bad ones", []string{"bob@example.com", "bob", "a@b\r\nBcc: c@d", "eve@example.com", ""},
				[]int{1, 2, 4}},
			{"a huge one", []string{strings.Repeat("a", 1<<20) + "@example.com"}, []int{0}},
		} {
			_, err := w.Invite(ctx, notifications.InviteInput{RoomID: r.ID, Emails: test.emails})
			f := env.AssertFault(t, fault.Invalid, err)
			assert.Equal(t, "emails", f.Details["field"], test.name)
			assert.Equal(t, test.indexes, f.Details["indexes"], test.name)
			assert.Less(t, len(f.Message), 1000, "it does not repeat what is huge")
		}
		seven := []string{"bob@example.com", "a,b", "c", "d", "e\xff\x00", "f", "Bob <bob>", "eve@example.com"}
		_, err := w.Invite(ctx, notifications.InviteInput{RoomID: r.ID, Emails: seven})
		f := env.AssertFault(t, fault.Invalid, err)
		assert.Equal(t, "e-mail cannot be sent to “a,b”, “c”, “d”, “e\ufffd\x00”, “f” and 1 more", f.Message)
		assert.Equal(t, []string{"a,b", "c", "d", "e\ufffd\x00", "f", "Bob <bob>"}, f.Details["emails"])
		assert.Zero(t, w.DB.OutboxMessage.Query().CountX(t.Context()))
		assert.Len(t, w.invite(ctx, r, fifty[:50]...), 50)
		assert.Equal(t, []string{"bob@example.net", "eve@xn--mller-kva.example"}, w.invite(ctx, r,
			"Bob <Bob@example.net>", `"Eve, X." <eve@Müller.example>`, "eve@xn--mller-kva.example"))
	})
}

func TestOnlyHostsInvite(t *testing.T) {
	t.Parallel()
	onEach(t, func(t *testing.T, w *world) {
		ctx, r := w.host("Ada", "Room")
		give := func(role roomaccess.Role) context.Context {
			u := w.user("Somebody", uuid.NewString()+"@example.org", "en")
			if role != "" {
				w.DB.RoomAccess.Create().SetRoom(r).SetUser(u).SetRole(role).ExecX(t.Context())
			}
			return env.As(u)
		}
		in := notifications.InviteInput{RoomID: r.ID, Emails: []string{"not an address"}}
		for want, who := range map[fault.Kind]context.Context{
			fault.Unauthenticated: t.Context(), fault.Forbidden: give(""),
			fault.Invalid: give(roomaccess.RoleADMINISTRATOR),
		} {
			_, err := w.Invite(who, in)
			env.AssertFault(t, want, err)
		}
		_, err := w.Invite(give(roomaccess.RoleMEMBER), in)
		env.AssertFault(t, fault.Forbidden, err)
		in.RoomID = uuid.New()
		_, err = w.Invite(ctx, in)
		env.AssertFault(t, fault.NotFound, err)
	})
}

func TestInviteFailsWithoutAMailServer(t *testing.T) {
	t.Parallel()
	w := newWorld(t, env.SQLite(t), mute)
	ctx, r := w.host("Ada", "Room")
	_, err := w.Invite(ctx, notifications.InviteInput{RoomID: r.ID, Emails: []string{"bob@example.com"}})
	f := env.AssertFault(t, fault.Conflict, err)
	assert.Equal(t, "this server sends no e-mail", f.Message)
	assert.Zero(t, w.DB.OutboxMessage.Query().CountX(t.Context()))
}

func TestInvitationsAreLimitedPerUserAndPerRoom(t *testing.T) {
	t.Parallel()
	env.OnEachRedis(t, func(t *testing.T, rdb redis.UniversalClient, prefix string) {
		w := newWorld(t, env.SQLite(t), func(s *setup) {
			s.Limiter = ratelimit.New(rdb, prefix)
			s.MaxInvited, s.InvitationsPerUser, s.InvitationsPerRoom = 3, 4, 5
		})
		try := func(ctx context.Context, r *ent.Room, emails int) error {
			in := notifications.InviteInput{RoomID: r.ID}
			for range emails {
				in.Emails = append(in.Emails, uuid.NewString()+"@example.com")
			}
			_, err := w.Invite(ctx, in)
			return err
		}
		ada, first := w.host("Ada", "First")
		bob, second := w.host("Bob", "Second")
		require.NoError(t, try(ada, first, 3))
		f := env.AssertFault(t, fault.RateLimited, try(ada, first, 2))
		assert.InDelta(t, 900, f.Details["retryAfter"], 60, "one e-mail a quarter of an hour")
		require.NoError(t, try(ada, first, 1))
		require.NoError(t, try(bob, second, 1), "others are not concerned")

		administrator := auth.FromContext(bob).UserID
		w.DB.RoomAccess.Create().SetRoom(first).SetUserID(administrator).
			SetRole(roomaccess.RoleADMINISTRATOR).ExecX(t.Context())
		env.AssertFault(t, fault.RateLimited, try(bob, first, 2))
		assert.Equal(t, 5, w.DB.OutboxMessage.Query().CountX(t.Context()))
	})
}

func TestOneUserCannotFloodAMailbox(t *testing.T) {
	t.Parallel()
	env.OnEachRedis(t, func(t *testing.T, rdb redis.UniversalClient, prefix string) {
		w := newWorld(t, env.SQLite(t), func(s *setup) { s.Limiter = ratelimit.New(rdb, prefix) })
		ada, first := w.host("Ada", "First")
		second := w.DB.Room.Create().SetName("Second").SetSlug("second").
			SetAccessLevel(room.AccessLevelRESTRICTED).SaveX(t.Context())
		w.DB.RoomAccess.Create().SetRoom(second).SetUserID(auth.FromContext(ada).UserID).
			SetRole(roomaccess.RoleOWNER).ExecX(t.Context())
		try := func(ctx context.Context, r *ent.Room, emails ...string) error {
			_, err := w.Invite(ctx, notifications.InviteInput{RoomID: r.ID, Emails: emails})
			return err
		}
		const victim = "victim@example.net"
		for range 5 {
			require.NoError(t, try(ada, first, victim))
			require.NoError(t, try(ada, second, "other@example.net", "Victim@Example.net"))
		}
		written := w.DB.OutboxMessage.Query().CountX(t.Context())
		f := env.AssertFault(t, fault.RateLimited, try(ada, first, "another@example.net", victim))
		assert.InDelta(t, 360, f.Details["retryAfter"], 60)
		assert.Equal(t, written, w.DB.OutboxMessage.Query().CountX(t.Context()), "nobody is invited")
		require.NoError(t, try(ada, first, "another@example.net"))
		bob, third := w.host("Bob", "Third")
		require.NoError(t, try(bob, third, victim), "others are not concerned")
	})
}

func TestInvitationsAreLimitedWhileRedisIsDown(t *testing.T) {
	t.Parallel()
	server := env.StartRedis(t)
	w := newWorld(t, env.SQLite(t), func(s *setup) {
		s.Limiter, s.InvitationsPerUser = ratelimit.New(server.Client(t), ""), 2
	})
	ctx, r := w.host("Ada", "Room")
	server.Stop(t)
	for range 2 {
		_, err := w.Invite(ctx, notifications.InviteInput{RoomID: r.ID, Emails: []string{"bob@example.com"}})
		require.NoError(t, err)
	}
	_, err := w.Invite(ctx, notifications.InviteInput{RoomID: r.ID, Emails: []string{"bob@example.com"}})
	env.AssertFault(t, fault.RateLimited, err)
}

func TestInvitationsArriveAfterTheMailServerIsBack(t *testing.T) {
	t.Parallel()
	onEach(t, func(t *testing.T, w *world) {
		w.deliver()
		ctx, r := w.host("Ada", "Room")
		invited := w.invite(ctx, r, "a@example.com", "b@example.com", "c@example.com")
		require.EventuallyWithT(t, func(c *assert.CollectT) {
			assert.Equal(c, len(invited), w.DB.OutboxMessage.Query().
				Where(outboxmessage.LastErrorContains("connection refused")).CountX(t.Context()))
		}, 2*time.Minute, 50*time.Millisecond)
		w.smtp.Start()
		w.settled()
		w.smtp.Stop()
		invited = append(invited, w.invite(ctx, r, "d@example.com")...)
		w.smtp.Start()
		w.settled()
		for _, email := range invited {
			assert.Equal(t, 1, w.received()[email], email)
		}
		assert.Len(t, w.smtp.Received(), 4)
	})
}

// answers are what a mail server says to some recipients, each answer once and in this order.
type answers struct {
	mu   sync.Mutex
	left map[string][]int
}

func (a *answers) next(to string) error {
	a.mu.Lock()
	defer a.mu.Unlock()
	if len(a.left[to]) == 0 {
		return nil
	}
	code := a.left[to][0]
	a.left[to] = a.left[to][1:]
	return &smtp.SMTPError{Code: code, EnhancedCode: smtp.EnhancedCode{code / 100, 0, 0},
		Message: "no <" + to + ">"}
}

func TestMailServerMayRefuseSingleRecipients(t *testing.T) {
	t.Parallel()
	onEach(t, func(t *testing.T, w *world) {
		recipient := answers{left: map[string][]int{
			"busy@example.com": {451, 421, 450}, "gone@example.com": {550, 550},
		}}
		data := answers{left: map[string][]int{"late@example.com": {451}, "spam@example.com": {554, 554}}}
		w.smtp.OnRecipient, w.smtp.OnData = recipient.next, data.next
		w.smtp.Start()
		w.deliver()
		ctx, r := w.host("Ada", "Room")
		w.invite(ctx, r, "busy@example.com", "gone@example.com", "fine@example.com",
			"late@example.com", "spam@example.com")
		w.settled()
		assert.Equal(t, map[string]int{
			"busy@example.com": 1, "fine@example.com": 1, "late@example.com": 1,
		}, w.received())
		failed := w.DB.OutboxMessage.Query().Where(outboxmessage.FailedAtNotNil()).AllX(t.Context())
		require.Len(t, failed, 2)
		for _, m := range failed {
			assert.Equal(t, 1, m.Attempts)
			assert.Regexp(t, `the SMTP server answered 55[04] 5\.0\.0`, m.LastError)
			assert.NotContains(t, m.LastError, "example.com")
		}
	})
}

// The mail server takes the message and its answer is lost: it is sent again, and can be told by its
// id.
func TestRetriedInvitationHasTheSameID(t *testing.T) {
	t.Parallel()
	onEach(t, func(t *testing.T, w *world) {
		var got []env.Mail
		var mu sync.Mutex
		send := func(ctx context.Context, m mail.Message) error {
			mu.Lock()
			defer mu.Unlock()
			got = append(got, env.Mail{To: m.To, From: m.ID + m.Date.UTC().String()})
			if len(got) == 1 {
				return errors.New("the connection broke")
			}
			return nil
		}
		w = newWorld(t, w.DB, func(s *setup) { s.Send = send })
		w.deliver()
		ctx, r := w.host("Ada", "Room")
		w.invite(ctx, r, "bob@example.com")
		w.settled()
		require.Len(t, got, 2)
		assert.Equal(t, got[0], got[1])
	})
}

func TestTwoServersDeliverAThousandInvitationsOnce(t *testing.T) {
	t.Parallel()
	onEach(t, func(t *testing.T, w *world) {
		w.smtp.Start()
		w.deliver()
		w.deliverBy(newOutbox(w.DB, 20*time.Millisecond))
		ctx, r := w.host("Ada", "Room")
		want := map[string]int{}
		began := time.Now()
		for batch := range 20 {
			var emails []string
			for i := range 50 {
				emails = append(emails, fmt.Sprintf("guest%d@example.com", 50*batch+i))
			}
			for _, email := range w.invite(ctx, r, emails...) {
				want[email] = 1
			}
		}
		asked := time.Since(began)
		w.settled()
		t.Log("asked for in", asked, "delivered in", time.Since(began))
		assert.Len(t, want, 1000)
		assert.Equal(t, want, w.received())
	})
}
