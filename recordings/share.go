package recordings

import (
	"context"
	"fmt"

	"entgo.io/ent/dialect/sql"
	"github.com/google/uuid"

	"foyer/accounts"
	"foyer/auth"
	"foyer/ent"
	"foyer/ent/auditevent"
	"foyer/ent/recordingaccess"
	"foyer/ent/user"
	"foyer/internal/fault"
	"foyer/rooms"
)

// shareTries is how often Share retries when the person signs in for the first time at that moment.
const shareTries = 3

// ShareInput names a recording and a person, either by user id or by e-mail address.
type ShareInput struct {
	RecordingID uuid.UUID
	UserID      *uuid.UUID
	Email       *string
}

// Share lets a person see a recording, for a host. An e-mail address without an account makes a provisional
// account, so the answer does not disclose which addresses have accounts. RateLimited, together with grants of roles.
func (s *Service) Share(ctx context.Context, in ShareInput) (*ent.Recording, error) {
	if (in.UserID == nil) == (in.Email == nil) {
		return nil, fault.New(fault.Invalid,
			"name the person by userId or by email: exactly one of them")
	}
	rec, err := s.getAsHost(ctx, in.RecordingID)
	if err != nil {
		return nil, err
	}
	if err := s.rooms.AllowGrant(ctx, rec.RoomID); err != nil {
		return nil, err
	}
	for try := 1; ; try++ {
		userID, shared, err := s.share(ctx, in)
		if ent.IsConstraintError(err) && try < shareTries {
			continue
		}
		if err != nil {
			return nil, err
		}
		if shared {
			s.writeAudit(ctx, rec, rooms.Act{
				Action: auditevent.ActionSHARE_RECORDING, Target: s.rooms.PersonOf(ctx, userID),
			})
		}
		return s.Get(ctx, in.RecordingID)
	}
}

// share returns the person's id, and reports whether the recording is newly shared with them.
func (s *Service) share(ctx context.Context, in ShareInput) (uuid.UUID, bool, error) {
	userID, email, err := s.person(ctx, in)
	if err != nil {
		return uuid.Nil, false, err
	}
	known, err := s.db.RecordingAccess.Query().
		Where(recordingaccess.UserID(userID), recordingaccess.RecordingID(in.RecordingID)).Exist(ctx)
	if err == nil && known && email != "" { // shared by id before: hosts may see an address that a host entered
		err = s.db.RecordingAccess.Update().Where(recordingaccess.UserID(userID),
			recordingaccess.RecordingID(in.RecordingID), recordingaccess.Email("")).SetEmail(email).Exec(ctx)
	}
	if err != nil || known {
		return userID, false, err
	}
	err = s.db.RecordingAccess.Create().SetUserID(userID).SetRecordingID(in.RecordingID).SetEmail(email).
		OnConflict(sql.ConflictColumns(recordingaccess.FieldUserID, recordingaccess.FieldRecordingID)).
		Update(func(u *ent.RecordingAccessUpsert) { u.UpdateUpdatedAt() }).
		Exec(ctx)
	if err != nil {
		return uuid.Nil, false, fmt.Errorf("share a recording: %w", err)
	}
	return userID, true, nil
}

// person returns the user id of the input's person, and the normalized address if the input has one.
func (s *Service) person(ctx context.Context, in ShareInput) (uuid.UUID, string, error) {
	if in.Email != nil {
		email, err := accounts.WrittenEmail(*in.Email)
		if err != nil {
			return uuid.Nil, "", err
		}
		userID, err := s.accounts.ByEmail(ctx, email)
		return userID, email, err
	}
	exists, err := s.db.User.Query().Where(user.ID(*in.UserID)).Exist(ctx)
	if err != nil {
		return uuid.Nil, "", fmt.Errorf("find person: %w", err)
	}
	if !exists {
		return uuid.Nil, "", fault.New(fault.NotFound, "there is no such person").With("field", "userId")
	}
	return *in.UserID, "", nil
}

// Unshare ends the sharing of a recording with a person. Hosts may do so for everybody, others for themselves.
// It returns the recording; nil if the viewer may no longer see it.
func (s *Service) Unshare(ctx context.Context, id, userID uuid.UUID) (*ent.Recording, error) {
	rec, err := s.Get(ctx, id)
	if err == nil && !viewerIs(ctx, userID) {
		rec, err = s.getAsHost(ctx, id)
	}
	if err != nil {
		return nil, err
	}
	gone, err := s.db.RecordingAccess.Delete().
		Where(recordingaccess.RecordingID(id), recordingaccess.UserID(userID)).Exec(ctx)
	if err != nil {
		return nil, fmt.Errorf("stop sharing a recording: %w", err)
	}
	if gone > 0 {
		s.writeAudit(ctx, rec, rooms.Act{
			Action: auditevent.ActionUNSHARE_RECORDING, Target: s.rooms.PersonOf(ctx, userID),
		})
	}
	rec, err = s.Get(ctx, id)
	if fault.Is(err, fault.NotFound) {
		return nil, nil
	}
	return rec, err
}

// viewerIs reports whether the viewer is that user.
func viewerIs(ctx context.Context, userID uuid.UUID) bool {
	viewer := auth.FromContext(ctx)
	return viewer.SignedIn() && viewer.UserID == userID
}
