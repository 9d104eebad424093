import type { list as english } from "../en/list";
import { n } from "./numbers";

export const list: typeof english = {
  list: {
    title: "执行记录",
    all: "全部",
    status: "状态",
    columns: {
      status: "状态",
      name: "名称",
      steps: "步骤",
      started: "开始时间",
      duration: "耗时",
      user: "用户",
    },
    shown: (shown, total) =>
      total === null ? `${n(shown)} 个执行` : `${n(shown)} / ${n(total)} 个`,
    trendOf: (name) => `${name} 的趋势`,
    choose: (name) => `选择 ${name}`,
    chooseAll: "全选",
    more: "加载更多",
    loading: "加载中",
    empty: "这里还没有运行过任何东西",
    emptyHint: "在这里启动一个脚本，或者在终端里运行：",
    none: "没有符合筛选条件的执行",
    clear: "清除筛选",
    notStarted: "未开始",
    queuePlace: (place) => `队列第 ${n(place)} 位`,
    startsIn: (time) => `约 ${time}后开始`,
    steps: (done, total) => `已结束 ${n(done)} / ${n(total)} 个步骤`,
    failedSteps: (count) => `${n(count)} 个步骤失败`,
    errors: (count) => `${n(count)} 个错误`,
    warnings: (count) => `${n(count)} 个警告`,
  },
};
