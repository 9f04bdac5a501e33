package notifications_test

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"testing"
	"time"

	"github.com/emersion/go-smtp"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"foyer/ent/outboxmessage"
	"foyer/internal/mail"
	"foyer/test/env"
)

func TestInvitationsArriveAfterTheMailServerIsBack(t *testing.T) {
	t.Parallel()
	onEachDatabase(t, func(t *testing.T, w *world) {
		w.deliver()
		ctx, r := w.host("Ada", "Room")
		invited := w.invite(ctx, r, "a@example.com", "b@example.com", "c@example.com")
		require.EventuallyWithT(t, func(c *assert.CollectT) {
			assert.Equal(c, len(invited), w.DB.OutboxMessage.Query().
				Where(outboxmessage.LastErrorContains("connection refused")).CountX(t.Context()))
		}, 2*time.Minute, 50*time.Millisecond)
		w.smtp.Start()
		w.untilDelivered()
		w.smtp.Stop()
		invited = append(invited, w.invite(ctx, r, "d@example.com")...)
		w.smtp.Start()
		w.untilDelivered()
		for _, email := range invited {
			assert.Equal(t, 1, w.received()[email], email)
		}
		assert.Len(t, w.smtp.Received(), 4)
	})
}

// answers has the next answers of a mail server to some recipients, in order. The server accepts all else.
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
	onEachDatabase(t, func(t *testing.T, w *world) {
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
		w.untilDelivered()
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

// TestRetriedInvitationHasTheSameID: the mail server accepts the message, but its answer is lost. Mail programs
// recognise the second e-mail by its id.
func TestRetriedInvitationHasTheSameID(t *testing.T) {
	t.Parallel()
	onEachDatabase(t, func(t *testing.T, w *world) {
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
		w.untilDelivered()
		require.Len(t, got, 2)
		assert.Equal(t, got[0], got[1])
	})
}

func TestTwoServersDeliverAThousandInvitationsOnce(t *testing.T) {
	t.Parallel()
	onEachDatabase(t, func(t *testing.T, w *world) {
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
		w.untilDelivered()
		t.Log("asked for in", asked, "delivered in", time.Since(began))
		assert.Len(t, want, 1000)
		assert.Equal(t, want, w.received())
	})
}
