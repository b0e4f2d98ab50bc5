/** Tests a state machine by a matrix of its states and events. */

export interface MatrixTest<State extends { name: string }, Event extends { type: string }> {
  states: readonly State[];
  events: readonly Event[];
  /** For each state and each type of event, the name of the next state. Absent if the event changes nothing. */
  matrix: { [state in State['name']]: { [event in Event['type']]?: State['name'] } };
  transition: (state: State, event: Event) => State;
}

/** Defines a test for each pair of a state and an event. */
export function testMatrix<State extends { name: string }, Event extends { type: string }>({
  states,
  events,
  matrix,
  transition,
}: MatrixTest<State, Event>): void {
  const pairs = states.flatMap((state) =>
    events.map((event) => {
      const next = matrix[state.name as State['name']][event.type as Event['type']];
      return [state.name, event.type, next ? `the state ${next}` : 'no change', next, state, event] as const;
    }),
  );

  test.each(pairs)('in the state %s, the event %s leads to %s', (name, _type, _result, expected, state, event) => {
    const next = transition(state, event);

    expect(next.name).toBe(expected ?? name);
    if (!expected) expect(next).toBe(state);
    else expect(next).not.toBe(state);
  });
}
