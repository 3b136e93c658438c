/** Message ids that came before: a retry by the server may deliver a message twice. */

/**
 * @param {number} limit how many ids to remember
 * @returns {(id: string) => boolean} whether this id came before
 */
export const seenIds = (limit) => {
  const ids = new Set();
  return (id) => {
    if (ids.has(id)) return true;
    ids.add(id);
    if (ids.size > limit) ids.delete(ids.values().next().value);
    return false;
  };
};
