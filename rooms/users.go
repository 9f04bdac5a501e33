package rooms

import (
	"cmp"
	"context"
	"fmt"
	"slices"
	"strings"

	"entgo.io/ent/dialect/sql"
	"github.com/google/uuid"
	"golang.org/x/text/language"

	"foyer/auth"
	"foyer/ent"
	"foyer/ent/predicate"
	"foyer/ent/recordingaccess"
	"foyer/ent/roomaccess"
	"foyer/ent/user"
	"foyer/internal/fault"
	"foyer/internal/mailbox"
)

// anonymous is the name of a guest who gives none.
const anonymous = "Anonymous"

const (
	maxSubject   = 255     // bytes
	maxLanguages = 1 << 10 // bytes of a list of them that is read
)

// Profile is what an identity provider says of a person who signs in.
type Profile struct {
	// Subject never changes; it finds the account again.
	Subject string
	// Email, FullName and ShortName may be empty: the account then keeps what it has.
	Email string
	// EmailVerified is whether the provider vouches for the e-mail address.
	EmailVerified       bool
	FullName, ShortName string
	// Languages are what the person reads, the preferred first: BCP 47 tags, or lists of them as in
	// Accept-Language. A new account is in the first that we speak, and keeps it.
	Languages []string
	// TimeZones are where the person may be, the likeliest first. A new account has the first that is an IANA
	// name, and keeps it.
	TimeZones []string
}

// SignIn returns the account of a person who has proved who he is: a new one the first time, and
// brought up to date each time. A verified e-mail address brings him the roles that were given to it.
func (s *Service) SignIn(ctx context.Context, p Profile) (*ent.User, error) {
	if err := p.check(); err != nil {
		return nil, err
	}
	subject, err := s.subject(ctx, p)
	if err != nil {
		return nil, fmt.Errorf("find account by e-mail: %w", err)
	}
	if p.EmailVerified {
		if err := s.completeProvisional(ctx, p, subject); err != nil {
			return nil, fmt.Errorf("complete provisional account: %w", err)
		}
	}
	id, err := s.db.User.Create().
		SetSubject(subject).SetEmail(p.Email).SetEmailVerified(p.EmailVerified).
		SetFullName(p.FullName).SetShortName(p.ShortName).SetLanguage(p.language()).SetTimeZone(p.timeZone()).
		OnConflict(sql.ConflictColumns(user.FieldSubject)).
		Update(p.update).
		ID(ctx)
	if err != nil {
		return nil, fmt.Errorf("sign in: %w", err)
	}
	return s.db.User.Get(ctx, id)
}

// check normalises what is given, or returns an Invalid error.
func (p *Profile) check() (err error) {
	if p.FullName != "" {
		p.FullName, err = CheckName("name", p.FullName, maxRoomName)
	}
	if err == nil && p.Email != "" {
		p.Email, err = checkEmail(p.Email)
	}
	if err == nil && (p.Subject == "" || len(p.Subject) > maxSubject) {
		err = fault.Field("subject", "subject needs 1 to %d bytes", maxSubject)
	}
	p.ShortName = fit(p.ShortName)
	p.EmailVerified = p.EmailVerified && p.Email != ""
	return err
}

// spoken are the languages of the page and of e-mail, the first for everybody else.
var spoken = []language.Tag{language.English, language.French}

var speaks = language.NewMatcher(spoken)

// language returns the tag of the first of Languages that we speak, or else of English.
func (p Profile) language() string {
	for _, wanted := range p.Languages {
		if len(wanted) > maxLanguages {
			continue
		}
		tags, _, err := language.ParseAcceptLanguage(wanted)
		if err != nil {
			continue // it is not for the person to mend
		}
		if _, i, sure := speaks.Match(tags...); sure != language.No {
			return spoken[i].String()
		}
	}
	return spoken[0].String()
}

// timeZone returns the first of TimeZones that is one, or else UTC.
func (p Profile) timeZone() string {
	if i := slices.IndexFunc(p.TimeZones, isTimeZone); i >= 0 {
		return p.TimeZones[i]
	}
	return "UTC"
}

// update brings an account up to date with what is given.
func (p Profile) update(u *ent.UserUpsert) {
	u.UpdateUpdatedAt()
	if p.Email != "" {
		u.UpdateEmail().UpdateEmailVerified()
	}
	if p.FullName != "" {
		u.UpdateFullName()
	}
	if p.ShortName != "" {
		u.UpdateShortName()
	}
}

// subject returns that of the account which a person signs in to: the person's own or, where the
// setting allows and no account has it, that of the only account with the same address. Both must
// have been verified: else who comes first with another's address would share the other's account.
func (s *Service) subject(ctx context.Context, p Profile) (string, error) {
	if !s.settings.EmailFallback || !p.EmailVerified {
		return p.Subject, nil
	}
	known, err := s.db.User.Query().Where(user.Subject(p.Subject)).Exist(ctx)
	if err != nil || known {
		return p.Subject, err
	}
	same, err := s.db.User.Query().
		Where(user.Email(p.Email), user.EmailVerified(true), user.SubjectNotNil()).Limit(2).All(ctx)
	if err != nil || len(same) != 1 {
		return p.Subject, err
	}
	return *same[0].Subject, nil
}

// ByEmail returns the account of an e-mail address: that of the person who has proved it his, else a
// provisional one, which is made if need be. An address that several people have is a Conflict.
func (s *Service) ByEmail(ctx context.Context, email string) (uuid.UUID, error) {
	var id uuid.UUID
	err := s.inTxAgain(ctx, func(tx *ent.Tx) (err error) {
		id, err = byEmail(ctx, tx, email)
		return err
	})
	return id, err
}

func byEmail(ctx context.Context, tx *ent.Tx, text string) (uuid.UUID, error) {
	email, err := WrittenEmail(text)
	if err != nil {
		return uuid.Nil, err
	}
	known, err := tx.User.Query().
		Where(user.Email(email), user.EmailVerified(true), user.SubjectNotNil()).Limit(2).IDs(ctx)
	if err != nil {
		return uuid.Nil, fmt.Errorf("find user by e-mail: %w", err)
	}
	switch len(known) {
	case 1:
		return known[0], nil
	case 2:
		return uuid.Nil, fault.New(fault.Conflict,
			"several people have this e-mail address; name the person by userId").With("field", "email")
	}
	id, err := tx.User.Create().SetEmail(email).
		OnConflict(sql.ConflictColumns(user.FieldEmail),
			sql.ConflictWhere(sql.IsNull(user.FieldSubject))).
		Update(func(u *ent.UserUpsert) { u.UpdateUpdatedAt() }).
		ID(ctx)
	if err != nil {
		return uuid.Nil, fmt.Errorf("make provisional account: %w", err)
	}
	return id, nil
}

// completeProvisional gives the provisional account of an e-mail address, if there is one, to the
// person who has proved it his: he takes it over, or its roles when he has an account already.
func (s *Service) completeProvisional(ctx context.Context, p Profile, subject string) error {
	provisional := user.And(user.Email(p.Email), user.SubjectIsNil())
	if exists, err := s.db.User.Query().Where(provisional).Exist(ctx); err != nil || !exists {
		return err
	}
	return s.inTxAgain(ctx, func(tx *ent.Tx) error {
		id, err := tx.User.Query().Where(provisional).OnlyID(ctx)
		if ent.IsNotFound(err) {
			return nil // somebody was faster
		}
		if err != nil {
			return err
		}
		account, err := tx.User.Query().Where(user.Subject(subject)).OnlyID(ctx)
		if ent.IsNotFound(err) {
			return tx.User.Update().Where(user.ID(id), user.SubjectIsNil()).
				SetSubject(subject).SetLanguage(p.language()).SetTimeZone(p.timeZone()).Exec(ctx)
		}
		if err != nil {
			return err
		}
		return merge(ctx, tx, id, account)
	})
}

// merge moves the roles of a provisional user, and the recordings that he may see, to another, who keeps
// the higher role where he has one already, and deletes the first. It locks the rooms, as whatever
// changes roles does.
func merge(ctx context.Context, tx *ent.Tx, from, to uuid.UUID) error {
	theirs := tx.RoomAccess.Query().Where(roomaccess.UserID(from))
	accesses, err := theirs.Clone().All(ctx)
	if err != nil {
		return err
	}
	ids := make([]uuid.UUID, 0, len(accesses))
	for _, a := range accesses {
		ids = append(ids, a.RoomID)
	}
	if err := lockRooms(ctx, tx, ids...); err != nil && !fault.Is(err, fault.NotFound) {
		return err
	}
	still, err := tx.User.Query().Where(user.ID(from), user.SubjectIsNil(), forUpdate).Exist(ctx)
	if err != nil || !still {
		return err // if it is not, somebody was faster
	}
	// Once more: what was read before the locks may have changed.
	if accesses, err = theirs.Where(roomaccess.RoomIDIn(ids...)).All(ctx); err != nil {
		return err
	}
	for _, a := range accesses {
		if err := tx.RoomAccess.DeleteOne(a).Exec(ctx); err != nil {
			return err
		}
		if err := raise(ctx, tx, to, a); err != nil {
			return err
		}
	}
	if err := mergeShares(ctx, tx, from, to); err != nil {
		return err
	}
	// Fails, and all this starts again, when he has been given a role or a recording meanwhile.
	return tx.User.DeleteOneID(from).Exec(ctx)
}

// mergeShares moves what recordings a user may see to another.
func mergeShares(ctx context.Context, tx *ent.Tx, from, to uuid.UUID) error {
	shares, err := tx.RecordingAccess.Query().Where(recordingaccess.UserID(from)).All(ctx)
	if err != nil {
		return err
	}
	for _, share := range shares {
		err := tx.RecordingAccess.Create().SetUserID(to).SetRecordingID(share.RecordingID).SetEmail(share.Email).
			OnConflict(sql.ConflictColumns(
				recordingaccess.FieldUserID, recordingaccess.FieldRecordingID)).
			Update(func(u *ent.RecordingAccessUpsert) { u.UpdateUpdatedAt() }).
			Exec(ctx)
		if err != nil {
			return err
		}
	}
	_, err = tx.RecordingAccess.Delete().Where(recordingaccess.UserID(from)).Exec(ctx)
	return err
}

// raise gives a user the role of another user's access, unless the user has a higher role there.
func raise(ctx context.Context, tx *ent.Tx, userID uuid.UUID, to *ent.RoomAccess) error {
	mine := []predicate.RoomAccess{roomaccess.RoomID(to.RoomID), roomaccess.UserID(userID)}
	held, err := tx.RoomAccess.Query().Where(mine...).Only(ctx)
	if ent.IsNotFound(err) {
		return tx.RoomAccess.Create().
			SetRoomID(to.RoomID).SetUserID(userID).SetRole(to.Role).SetEmail(to.Email).Exec(ctx)
	}
	if err != nil {
		return err
	}
	update := held.Update().SetEmail(cmp.Or(held.Email, to.Email))
	if slices.Index(anyRole, held.Role) > slices.Index(anyRole, to.Role) {
		update.SetRole(to.Role)
	}
	return update.Exec(ctx)
}

// checkEmail returns an e-mail address in the form that accounts have, or an Invalid error.
func checkEmail(text string) (string, error) {
	email, err := mailbox.Parse(text)
	if err != nil {
		return "", errNoEmail()
	}
	return email, nil
}

// WrittenEmail is checkEmail for what a person wrote, where the address may follow a name.
func WrittenEmail(text string) (string, error) {
	email, err := mailbox.ParseWritten(text)
	if err != nil {
		return "", errNoEmail()
	}
	return email, nil
}

func errNoEmail() error { return fault.Field("email", "email is not an e-mail address") }

// Viewer returns the account of who is asking: Unauthenticated for nobody, and for somebody whose
// account is gone.
func (s *Service) Viewer(ctx context.Context) (*ent.User, error) {
	viewer := auth.FromContext(ctx)
	if !viewer.SignedIn() {
		return nil, errNobody()
	}
	u, err := s.users.One(ctx, viewer.UserID)
	if err != nil {
		return nil, fmt.Errorf("find viewer: %w", err)
	}
	if u == nil {
		return nil, fault.New(fault.Unauthenticated, "this account no longer exists; sign in again")
	}
	own := *u // it is shared
	return &own, nil
}

// DisplayName returns the name under which the viewer enters a call: his account's, or where he may
// the one that he gives, or else has chosen once for all; a guest's own, or "Anonymous".
func (s *Service) DisplayName(ctx context.Context, given *string) (string, error) {
	signedIn := auth.FromContext(ctx).SignedIn()
	if given != nil {
		name, err := CheckDisplayName("displayName", *given)
		if err != nil || !signedIn || s.settings.UsersChooseNames {
			return name, err
		}
	}
	if !signedIn {
		return anonymous, nil
	}
	u, err := s.Viewer(ctx)
	if err != nil {
		return "", err
	}
	if u.DisplayName != nil && s.settings.UsersChooseNames {
		return *u.DisplayName, nil
	}
	return accountName(u), nil
}

// Account returns a user as a person, for the audit; without a name when there is no such user.
func (s *Service) Account(ctx context.Context, userID uuid.UUID) Person {
	p := Person{ID: userID, UserID: userID}
	if u, err := s.db.User.Get(ctx, userID); err == nil {
		p.Name = accountName(u)
	}
	return p
}

func accountName(u *ent.User) string {
	local, _, _ := strings.Cut(u.Email, "@")
	for _, name := range []string{fit(u.FullName), fit(local)} {
		if name != "" {
			return name
		}
	}
	return anonymous
}
