package ent

import (
	"context"

	"entgo.io/ent/dialect/sql"
	"entgo.io/ent/dialect/sql/sqlgraph"
	"github.com/google/uuid"

	"foyer/ent/auditevent"
)

// InsertAll stores events, all or none. It is faster than CreateBulk, and every decision in a lobby needs it.
// Callers do not get the ids.
func (c *AuditEventClient) InsertAll(ctx context.Context, events []*AuditEvent) error {
	insert := sql.Dialect(c.driver.Dialect()).Insert(auditevent.Table).Columns(
		auditevent.FieldID, auditevent.FieldCreatedAt, auditevent.FieldUpdatedAt, auditevent.FieldRoomID,
		auditevent.FieldAction, auditevent.FieldActorID, auditevent.FieldActorName,
		auditevent.FieldTargetID, auditevent.FieldTargetName, auditevent.FieldDetail)
	for _, e := range events {
		if err := checkEvent(e); err != nil {
			return err
		}
		// Ids that rise with time are neighbours in the index. Each random id would touch a page of its own.
		insert.Values(uuid.Must(uuid.NewV7()), auditevent.DefaultCreatedAt(), auditevent.DefaultUpdatedAt(),
			e.RoomID, e.Action, e.ActorID, e.ActorName, e.TargetID, e.TargetName, e.Detail)
	}
	query, args := insert.Query()
	var result sql.Result
	err := c.driver.Exec(ctx, query, args, &result)
	if sqlgraph.IsConstraintError(err) {
		err = &ConstraintError{msg: err.Error(), wrap: err}
	}
	return err
}

func checkEvent(e *AuditEvent) error {
	for name, err := range map[string]error{
		auditevent.FieldAction:     auditevent.ActionValidator(e.Action),
		auditevent.FieldActorName:  auditevent.ActorNameValidator(e.ActorName),
		auditevent.FieldTargetName: auditevent.TargetNameValidator(e.TargetName),
		auditevent.FieldDetail:     auditevent.DetailValidator(e.Detail),
	} {
		if err != nil {
			return &ValidationError{Name: name, err: err}
		}
	}
	return nil
}
